import { EngineError } from '../errors/index.ts';
import { taskState } from '../runtime/index.ts';
import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';

/** ERR_CONTAINER_STATE for one that a program keeps ready: that program starts and removes it. */
export async function requireFree(
  { store }: ContainersContext,
  { id, name, owner }: ContainerRecord,
  verb: string,
): Promise<void> {
  if (owner === undefined || (await taskState(store.paths(id).runDir)).status !== 'starting') return;
  throw new EngineError(
    'ERR_CONTAINER_STATE',
    `cannot ${verb} container ${name}: process ${owner.pid} keeps it ready, and removes it when it ends; stop that process`,
    { details: { container: name, verb, pid: owner.pid } },
  );
}
