import { EngineError } from '../errors/index.ts';
import { announce } from './announce.ts';
import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { startContainer } from './start.ts';
import { can, requireState } from './state.ts';
import { type StopOptions, stopContainer } from './stop.ts';

/** Stops it, if it runs, and starts it again. ERR_CONTAINER_STATE for one that is removed when it ends; else as stop and start. */
export async function restartContainer(
  context: ContainersContext,
  record: ContainerRecord,
  options: StopOptions = {},
): Promise<void> {
  const state = (await observe(context, record)) ?? { status: 'created' };
  requireState('restart', record.name, state);
  if (can('stop', state)) {
    if (record.spec.autoRemove) throw goesWhenItEnds(record);
    await stopContainer(context, record, options);
  }
  const task = await startContainer(context, record, { signal: options.signal });
  task.detach();
  announce(context, record, 'restart');
}

function goesWhenItEnds({ name }: ContainerRecord): EngineError {
  return new EngineError(
    'ERR_CONTAINER_STATE',
    `cannot restart container ${name}: it is removed when it stops; create it without autoRemove (--rm) to restart it`,
    { details: { container: name, verb: 'restart' } },
  );
}
