import { isEngineError } from '../errors/index.ts';
import type { ContainerInfo, PruneContainersOptions, PrunedContainers } from './container.ts';
import type { ContainersContext } from './context.ts';
import { listContainers } from './list.ts';
import { removeContainer } from './remove.ts';
import { containerSize } from './size.ts';
import { can } from './state.ts';

/** Removes the containers that do not run. What is started or removed by somebody meanwhile is passed over. */
export async function pruneContainers(
  context: ContainersContext,
  { filter = () => true, signal }: PruneContainersOptions = {},
): Promise<PrunedContainers> {
  const stopped = (await listContainers(context, { all: true })).filter(
    (info) => can('remove', info.state) && filter(info),
  );
  const removed: string[] = [];
  let bytes = 0;
  for (const info of stopped) {
    signal?.throwIfAborted();
    const freed = await removeOne(context, info);
    if (freed === null) continue;
    removed.push(info.id);
    bytes += freed;
  }
  const attributes = { reclaimed: String(bytes) };
  context.events.emit({ type: 'container', action: 'prune', id: '', attributes });
  return { removed, bytes };
}

/** Answers the bytes of its writable layer; null: it is in use again, or gone already. */
async function removeOne(context: ContainersContext, { id }: ContainerInfo): Promise<number | null> {
  const record = await context.store.read(id);
  if (record === null) return null;
  const size = await containerSize(context, record);
  try {
    await removeContainer(context, record);
    return size;
  } catch (error) {
    if (isEngineError(error, 'ERR_CONTAINER_STATE') || isEngineError(error, 'ERR_CONTAINER_NOT_FOUND'))
      return null;
    throw error;
  }
}
