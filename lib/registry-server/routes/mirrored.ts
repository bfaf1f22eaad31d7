import { isEngineError } from '../../errors/index.ts';
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import type { Repository } from '../repository.ts';

/** Throws Refusal UNSUPPORTED for a mirror, to which nobody pushes. */
export async function requireOwn({ registry }: Exchange, repository: Repository): Promise<void> {
  if ((await registry.mirrors.find(repository.name)) === undefined) return;
  throw new Refusal('UNSUPPORTED', `${repository.name} is a mirror: push to where it comes from`);
}

/** What an upstream answers; that it does not, or not to us, is no fault of the client's: 503, and 502 for what it refuses. */
export async function fromUpstream<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (!isEngineError(error)) throw error;
    const status = error.kind === 'unavailable' ? 503 : error.kind === 'exhausted' ? 429 : 502;
    throw new Refusal('UNAVAILABLE', `upstream: ${error.message}`, { status, cause: error });
  }
}
