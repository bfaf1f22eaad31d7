import { EngineError } from '../errors/index.ts';
import { type LogEntry, type LogOptions, readLog } from '../logs/index.ts';
import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { waitForContainer } from './wait.ts';

/** What a container wrote; with `follow` until it ends. ERR_NOT_IMPLEMENTED when it keeps no log. */
export async function* readContainerLog(
  context: ContainersContext,
  record: ContainerRecord,
  options: LogOptions = {},
): AsyncGenerator<LogEntry> {
  if (record.spec.log.driver === 'none') {
    throw new EngineError(
      'ERR_NOT_IMPLEMENTED',
      `container ${record.name} keeps no log (driver none): create it with driver json-file`,
    );
  }
  const stop = new AbortController();
  try {
    yield* readLog(
      context.store.paths(record.id).log,
      options,
      options.follow ? ending(context, record, stop.signal) : undefined,
    );
  } finally {
    stop.abort();
  }
}

/** Settles when nothing more will be written. */
async function ending(
  context: ContainersContext,
  record: ContainerRecord,
  signal: AbortSignal,
): Promise<void> {
  const state = await observe(context, record);
  if (state === null || state.status === 'exited') return;
  await waitForContainer(context, record, { signal });
}
