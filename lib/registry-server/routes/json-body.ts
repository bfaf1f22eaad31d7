import { readBody } from '../../http/index.ts';
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../refusal.ts';

/** A request's body as a JSON object, `{}` for none. Throws Refusal UNSUPPORTED (400), SIZE_INVALID over 64 KiB. */
export async function readObject({ request }: Exchange): Promise<Record<string, unknown>> {
  const body = (await readBody(request, 64 * 1024)).toString() || '{}';
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // as what is no object
  }
  throw badRequest('the body must be a JSON object');
}

/** Throws Refusal UNSUPPORTED (400) for what is no text, or an empty one. */
export function textOf(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw badRequest('a text is missing: see docs/registry.md');
}

/** What the API cannot make sense of. */
export function badRequest(message: string): Refusal {
  return new Refusal('UNSUPPORTED', message, { status: 400 });
}
