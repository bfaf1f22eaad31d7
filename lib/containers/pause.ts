import { writeFile } from 'node:fs/promises';
import { freezeCgroup } from '../../bindings/cgroup.ts';
import { cgroupOf } from './bundle.ts';
import type { ContainersContext } from './context.ts';
import { observeLocked } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { requireState } from './state.ts';

/** Freezes all of its processes. ERR_CONTAINER_STATE; ERR_CGROUP_CONTROLLER_MISSING without a freezer. */
export async function pauseContainer(context: ContainersContext, record: ContainerRecord): Promise<void> {
  using _lock = await context.store.lock(record.id);
  requireState('pause', record.name, (await observeLocked(context, record)) ?? { status: 'created' });
  await freezeCgroup(cgroupOf(record.id));
  await writeFile(context.store.paths(record.id).paused, '');
}
