import { setTimeout as delay } from 'node:timers/promises';
import { lockFile, type NativeLock } from '../../bindings/files.ts';

const firstDelay = 5;
const longestDelay = 200;

/**
 * A flock(2) on `path`, made when absent; exclusive unless `shared`. Asks again and again, at most 200 ms apart, because a thread that
 * waits in the kernel cannot be called back when `signal` aborts. `onWait` is called once if somebody else holds it.
 * Rejects with the signal's reason.
 */
export async function waitForLock(
  path: string,
  options: {
    readonly shared?: boolean;
    readonly signal?: AbortSignal | undefined;
    readonly onWait?: () => void;
  } = {},
): Promise<NativeLock> {
  for (let pause = firstDelay; ; pause = Math.min(2 * pause, longestDelay)) {
    options.signal?.throwIfAborted();
    const lock = await lockFile(path, { shared: options.shared ?? false, wait: false });
    if (lock !== null) return lock;
    if (pause === firstDelay) options.onWait?.();
    await delay(pause, undefined, options.signal && { signal: options.signal });
  }
}
