import type { Query } from './query.ts';
import { badRequest } from './refusal.ts';

/**
 * The parameter `platform`: `linux/arm64`, or since 1.46 an OCI platform as JSON. Undefined when it is absent.
 * @throws Refusal 400 for JSON that is none; whether there is such a platform is the taker's to say
 */
export function platformParameter(query: Query, name = 'platform'): string | undefined {
  const text = query.optional(name);
  if (text === undefined || !text.startsWith('{')) return text;
  const { os, architecture, variant } = parseJson(text, name);
  const parts = [os, architecture, variant].filter((part) => part !== undefined && part !== '');
  if (parts.length < 2 || !parts.every((part) => typeof part === 'string'))
    throw badRequest(`invalid ${name}: os and architecture are required`);
  return parts.join('/');
}

function parseJson(text: string, name: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`invalid ${name}: ${(error as Error).message}`, error);
  }
}
