import { setTimeout as sleep } from 'node:timers/promises';
import { aborted, Transient } from './network-error.ts';

export interface RetryPolicy {
  /** All in all, at least 1. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; each further one doubles it, up to `maxDelay`. */
  readonly baseDelay: number;
  readonly maxDelay: number;
  /** Milliseconds that the other side may ask us to wait before we rather give up. */
  readonly maxAfter: number;
}

export const defaultRetryPolicy: Omit<RetryPolicy, 'attempts'> = {
  baseDelay: 250,
  maxDelay: 8_000,
  maxAfter: 30_000,
};

/**
 * Runs an attempt until it succeeds, throws something else than `Transient`, or the policy is used up; then throws the
 * error within. Delays grow exponentially and are random from half to the whole (so that many clients do not return at
 * once); what the other side asked for by Retry-After is obeyed.
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  signal?: AbortSignal,
  /** Whether the last attempt brought something, so that counting begins anew. */
  hasProgressed?: () => boolean,
): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted) throw aborted(signal);
      if (!(error instanceof Transient)) throw error;
      if (hasProgressed?.()) count = 1;
      if (count >= policy.attempts || (error.after ?? 0) > policy.maxAfter) throw error.error;
      await pause(error.after ?? backoff(count, policy), signal);
    }
  }
}

/** Milliseconds from a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3); undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*[0-9]{1,9}\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function backoff(count: number, { baseDelay, maxDelay }: RetryPolicy): number {
  const delay = Math.min(maxDelay, baseDelay * 2 ** (count - 1));
  return delay / 2 + (Math.random() * delay) / 2;
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal && { signal });
  } catch {
    throw aborted(signal as AbortSignal);
  }
}
