import { forgetLimit } from '../../bindings/quota.ts';
import { EngineError } from '../errors/index.ts';
import { waitTask } from '../runtime/index.ts';
import { Undo } from '../undo/index.ts';
import { announce } from './announce.ts';
import type { RemoveOptions } from './container.ts';
import { returnIds } from './container-ids.ts';
import type { ContainersContext } from './context.ts';
import { keepStopped, killProcesses } from './kill.ts';
import { endTask, observeLocked } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { requireFree } from './require-free.ts';
import { can, requireState } from './state.ts';
import { findVolumeUses } from './volume-uses.ts';

/** Removes a container that does not run, or with `force` any. ERR_CONTAINER_STATE, ERR_CONTAINER_NOT_FOUND. */
export async function removeContainer(
  context: ContainersContext,
  record: ContainerRecord,
  options: RemoveOptions = {},
): Promise<void> {
  if (options.signal?.aborted)
    throw new EngineError('ERR_ABORTED', 'the removal was aborted', { cause: options.signal.reason });
  using _lock = await context.store.lock(record.id);
  const state = await observeLocked(context, record);
  if (state === null) return;
  await requireFree(context, record, 'remove');
  if (!can('remove', state) && options.force) await end(context, record);
  else requireState('remove', record.name, state);
  await endTask(context, record); // of a monitor that was killed when it had recorded the end
  await removeFiles(context, record, { volumes: options.volumes === true || record.spec.autoRemove });
}

/** All that is on disk, past errors: one rename, after which the container does not exist, and then the rest. */
export async function removeFiles(
  context: ContainersContext,
  record: ContainerRecord,
  options: { volumes: boolean },
): Promise<void> {
  if (record.spec.storageSize !== null) forgetLimit(context.store.paths(record.id).upper);
  const volumes = options.volumes && record.volumes.some(({ anonymous }) => anonymous);
  const renamed = await context.store.read(record.id).catch(() => null); // since the caller has read it
  const hidden = await context.store.hide(record.id, { volumes });
  await finishRemoval(context, renamed ?? record, hidden, { volumes });
}

/** What is left to do of one that is hidden: its files go last, so that whoever finds them knows what there is. */
export async function finishRemoval(
  context: ContainersContext,
  record: ContainerRecord,
  hidden: string,
  options: { volumes: boolean },
): Promise<void> {
  await using steps = new Undo(); // in reverse
  steps.add(() => context.store.bury(record.id, hidden));
  steps.add(() => returnIds(context, record));
  if (options.volumes) steps.add(() => removeVolumes(context, record));
  steps.add(() => announce(context, record, 'destroy'));
  steps.add(() => context.store.releaseName(record.name, record.id));
}

/** Those that no other container has taken by their names. */
async function removeVolumes(
  { volumes, events, store }: ContainersContext,
  record: ContainerRecord,
): Promise<void> {
  const names = record.volumes.filter(({ anonymous }) => anonymous).map(({ name }) => name);
  const { removed } = await volumes.removeUnused(names, () => findVolumeUses(store));
  for (const id of removed) events.emit({ type: 'volume', action: 'destroy', id });
}

async function end(context: ContainersContext, record: ContainerRecord): Promise<void> {
  const { runDir, exit } = context.store.paths(record.id);
  await keepStopped(context, record);
  await killProcesses(context, record, 9);
  await waitTask(runDir, { statusFile: exit }).catch(() => undefined); // gone is gone, however
  await endTask(context, record); // of a monitor that was just being killed
}
