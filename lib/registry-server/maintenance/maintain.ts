import { setTimeout as delay } from 'node:timers/promises';
import { evict } from '../mirror/evict.ts';
import type { MirrorSettings } from '../mirror/mirrors.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { type CollectOptions, type CollectReport, collectGarbage } from './collect-garbage.ts';
import { collectOutcome, type Runs } from './runs.ts';

export interface MaintainOptions {
  /** Milliseconds from the end of one collection to the next. */
  readonly every: number;
  /** Of which blobs are evicted by their size. */
  readonly mirrors: readonly MirrorSettings[];
  readonly collect: CollectOptions;
  /** Where each is recorded. */
  readonly runs: Runs;
  readonly onCollected: (report: CollectReport) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Collects garbage again and again, beginning after a while, until it is disposed of; that waits for one that runs. */
export function maintain(storage: RegistryStorage, options: MaintainOptions): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  const running = (async () => {
    for (;;) {
      await delay(options.every, undefined, { signal, ref: false });
      try {
        for (const mirror of options.mirrors) await evict(storage, mirror);
        await options.runs.collect(async () => {
          const report = await collectGarbage(storage, { ...options.collect, signal });
          if (report) options.onCollected(report);
          return report && collectOutcome(report);
        });
      } catch (error) {
        if (!signal.aborted) options.onFailed(error);
      }
    }
  })();
  const ended = running.catch(() => undefined);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}
