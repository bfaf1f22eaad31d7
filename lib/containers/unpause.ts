import { rm } from 'node:fs/promises';
import { thawCgroup } from '../../bindings/cgroup.ts';
import { announce } from './announce.ts';
import { cgroupOf } from './bundle.ts';
import type { ContainersContext } from './context.ts';
import { observeLocked } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { requireState } from './state.ts';

/** Thaws a paused container. ERR_CONTAINER_STATE. */
export async function unpauseContainer(context: ContainersContext, record: ContainerRecord): Promise<void> {
  using _lock = await context.store.lock(record.id);
  requireState('unpause', record.name, (await observeLocked(context, record)) ?? { status: 'created' });
  await thawCgroup(cgroupOf(record));
  await rm(context.store.paths(record.id).paused, { force: true });
  announce(context, record, 'unpause');
}
