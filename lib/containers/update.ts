import { updateCgroup } from '../../bindings/cgroup.ts';
import { EngineError } from '../errors/index.ts';
import { announce } from './announce.ts';
import { cgroupOf } from './bundle.ts';
import type { Cancellable } from './container.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import { observeLocked } from './observe.ts';
import { invalidOption } from './option-values.ts';
import type { ResourceLimits, RestartOption } from './options.ts';
import type { ContainerRecord } from './record.ts';
import { parseRestart } from './restart-policy.ts';
import { runtimeResources } from './runtime-linux.ts';
import { changeLimits, type SpecLimits } from './spec-limits.ts';
import { can, requireState } from './state.ts';
import { tellMonitor } from './tell-monitor.ts';

/** What can be changed while a container exists. What is not given stays as it is. */
export interface UpdateOptions extends Cancellable {
  /** Those of a cgroup. `ulimits`, `shmSize` and `oomScoreAdj` are for its start only. */
  limits?: ResourceLimits;
  /** Counts from its next end on. */
  restart?: RestartOption;
}

/**
 * Changes a container's limits: at once if it runs, and for all of its starts to come. The kernel is asked first: what it
 * refuses is not recorded. ERR_CONTAINER_OPTION_INVALID, ERR_CGROUP_*.
 */
export async function updateContainer(
  context: ContainersContext,
  { id }: ContainerRecord,
  options: UpdateOptions,
): Promise<ContainerRecord> {
  throwIfAborted(options.signal);
  refuseStartOnly(options.limits ?? {});
  using _lock = await context.store.lock(id);
  const record = await context.store.read(id);
  const state = record && (await observeLocked(context, record));
  if (record === null || state === null)
    throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${id} has been removed`);
  requireState('update', record.name, state);
  const limits = changeLimits(record.spec.limits, options.limits ?? {});
  const { restart = record.spec.restart } = options;
  const spec = { ...record.spec, limits, restart: parseRestart(restart, record.spec.autoRemove) };
  if (state.status === 'running' || state.status === 'paused')
    await apply(context, record, record.spec.limits, limits);
  const updated = { ...record, spec };
  await context.store.write(updated);
  if (can('stop', state)) await tellMonitor(context, updated);
  announce(context, updated, 'update');
  return updated;
}

const startOnly = ['ulimits', 'shmSize', 'oomScoreAdj'] as const;

function refuseStartOnly(limits: ResourceLimits): void {
  const given = startOnly.find((name) => limits[name] !== undefined);
  if (given)
    throw invalidOption(
      `limits.${given}`,
      limits[given],
      'it is set at a start: create another container with it',
    );
}

/** What the kernel has taken of a change that it refused is taken back. */
async function apply(
  { host }: ContainersContext,
  record: ContainerRecord,
  before: SpecLimits,
  after: SpecLimits,
): Promise<void> {
  const cgroup = cgroupOf(record);
  await updateCgroup(cgroup, runtimeResources(after, host)).catch(async (error: unknown) => {
    await updateCgroup(cgroup, runtimeResources(before, host)).catch(() => undefined);
    throw error;
  });
}
