import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { waitForContainer } from './wait.ts';

interface Watch {
  readonly ended: Promise<void>;
  readonly stop: AbortController;
  users: number;
}

const watches = new WeakMap<ContainersContext, Map<string, Watch>>();

/**
 * Settles when the container has ended and no policy starts it again, or when `signal` aborts. However many ask in this
 * process, its monitor is asked once: it takes 64 connections, and a log may have hundreds of followers.
 */
export async function sharedEnding(
  context: ContainersContext,
  record: ContainerRecord,
  signal: AbortSignal,
): Promise<void> {
  const ofContext = watches.get(context) ?? new Map<string, Watch>();
  watches.set(context, ofContext);
  const watch = ofContext.get(record.id) ?? beginWatch(context, record, ofContext);
  watch.users++;
  try {
    await Promise.race([watch.ended, whenAborted(signal)]);
  } finally {
    if (--watch.users === 0) watch.stop.abort();
  }
}

function beginWatch(
  context: ContainersContext,
  record: ContainerRecord,
  ofContext: Map<string, Watch>,
): Watch {
  const stop = new AbortController();
  const forget = () => {
    if (ofContext.get(record.id) === watch) ofContext.delete(record.id);
  };
  const ended = ending(context, record, stop.signal).finally(forget);
  const watch = { ended, stop, users: 0 };
  stop.signal.addEventListener('abort', forget);
  ended.catch(() => undefined);
  ofContext.set(record.id, watch);
  return watch;
}

async function ending(
  context: ContainersContext,
  record: ContainerRecord,
  signal: AbortSignal,
): Promise<void> {
  const state = await observe(context, record);
  if (state === null || state.status === 'exited') return;
  await waitForContainer(context, record, { signal });
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
