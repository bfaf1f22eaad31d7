import { existsSync } from 'node:fs';
import type { Cancellable } from './container.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { startsAfterReboot } from './restart-policy.ts';
import { startContainer } from './start.ts';

/** A container that was to be started again; `error` says why it was not. */
export interface RestartedContainer {
  readonly id: string;
  readonly name: string;
  readonly error?: unknown;
}

/**
 * After a reboot: starts all containers whose restart policy says that they should run and that do not, oldest first. One
 * that cannot be started keeps none from it.
 */
export async function* startRestartable(
  context: ContainersContext,
  options: Cancellable = {},
): AsyncIterable<RestartedContainer> {
  for (const record of await recordsByAge(context)) {
    throwIfAborted(options.signal);
    const { id, name, spec } = record;
    if (spec.restart.policy === 'no') continue;
    const state = await observe(context, record);
    const wasStopped = existsSync(context.store.paths(id).stopped);
    if (state === null || !startsAfterReboot(spec.restart, state, wasStopped)) continue;
    yield await startContainer(context, record, options).then(
      (task) => {
        task.detach();
        return { id, name };
      },
      (error: unknown) => ({ id, name, error }),
    );
  }
}

async function recordsByAge({ store }: ContainersContext): Promise<ContainerRecord[]> {
  const records = await Promise.all((await store.ids()).map((id) => store.read(id)));
  return records
    .filter((record) => record !== null)
    .sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
}
