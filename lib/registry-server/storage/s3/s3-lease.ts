import { setTimeout as delay } from 'node:timers/promises';
import type { S3Entries } from './s3-entries.ts';

/** Seconds, by the store's clock, after which a lease that its holder does not renew is another's. */
const leaseLife = 30;
const renewEvery = 8000;

/**
 * Runs `work` while this holds the lease at `key`; undefined: another does, and it was not run. A process that was stopped for
 * longer than a lease may still run when the next has begun: what must not happen twice is made safe by compare-and-swap
 * (`S3Entries`), and the lease only saves the work.
 */
export async function withLease<T>(
  entries: S3Entries,
  key: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const taken = await take(entries, key);
  if (taken === undefined) return undefined;
  const stop = new AbortController();
  const renewing = renew(entries, key, taken, stop.signal);
  try {
    return await work();
  } finally {
    stop.abort();
    const etag = await renewing;
    // Free, and not deleted: a DELETE asks no questions, and might be of another's.
    if (etag !== undefined) await entries.put(key, free(), 'free', { etag });
  }
}

async function take(entries: S3Entries, key: string): Promise<string | undefined> {
  const current = await entries.get(key);
  if (current === undefined) return entries.put(key, free(), 'held', { absent: true });
  if (current.bytes.toString() !== 'free' && current.age <= leaseLife) return undefined;
  return entries.put(key, free(), 'held', { etag: current.etag });
}

/** Until it is stopped. Answers the last ETag; undefined: it is another's by now. */
async function renew(
  entries: S3Entries,
  key: string,
  taken: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  let etag: string | undefined = taken;
  while (etag !== undefined) {
    await delay(renewEvery, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) break;
    // A store that does not answer now may at the next turn, which is early enough.
    const held: string = etag;
    etag = await entries.put(key, free(), 'held', { etag: held }).catch(() => held);
  }
  return etag;
}

function free() {
  return { needed: Date.now(), size: 0 };
}
