import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { cgroupDelegation, freezeCgroup, thawCgroup } from '../../bindings/cgroup.ts';
import { EngineError } from '../errors/index.ts';
import { announce } from './announce.ts';
import { cgroupOf } from './bundle.ts';
import type { ContainersContext } from './context.ts';
import { observeLocked } from './observe.ts';
import type { Owner } from './owner.ts';
import type { ContainerRecord } from './record.ts';
import { requireState } from './state.ts';
import { ignoring } from './store.ts';

/**
 * Freezes all of its processes. The mark comes first: what a crash leaves in between can be thawed, whereas one that is
 * frozen without a mark could not. With an `owner` the pause is for as long as that process lives: whoever looks at the
 * container after its death thaws it. ERR_CONTAINER_STATE; ERR_CGROUP_CONTROLLER_MISSING without a freezer.
 */
export async function pauseContainer(
  context: ContainersContext,
  record: ContainerRecord,
  owner?: Owner,
): Promise<void> {
  using _lock = await context.store.lock(record.id);
  const state = (await observeLocked(context, record)) ?? { status: 'created' };
  requireState('pause', record.name, state);
  if (!cgroupDelegation().delegated) throw noFreezer(record);
  const { paused } = context.store.paths(record.id);
  const mark = owner === undefined ? '' : JSON.stringify(owner);
  const marked = await writeFile(paused, mark).then(() => true, ignoring('ENOENT'));
  if (!marked) throw hasEnded(record);
  await freezeCgroup(cgroupOf(record)).catch(async (error: unknown) => {
    await rm(paused, { force: true });
    throw 'pid' in state && isBeingKilled(state.pid) ? hasEnded(record) : error;
  });
  if ('pid' in state && isBeingKilled(state.pid)) {
    await rm(paused, { force: true });
    await thawCgroup(cgroupOf(record)).catch(() => undefined); // it has gone with the container
    throw hasEnded(record);
  }
  await writeFile(paused, mark).catch(ignoring('ENOENT')); // a kill meanwhile has removed the mark, and thawed too early
  announce(context, record, 'pause');
}

/**
 * Whether a SIGKILL has come that a frozen process cannot follow (freezer of cgroup v1). Whoever sends one later thaws after
 * it, so that none is missed.
 */
function isBeingKilled(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const pending = [...status.matchAll(/^(?:SigPnd|ShdPnd):\t([0-9a-f]+)$/gm)];
    return pending.some(
      ([, set = '']) => (BigInt(`0x${set}`) & (1n << BigInt(constants.signals.SIGKILL - 1))) !== 0n,
    );
  } catch {
    return true; // it has ended
  }
}

function noFreezer({ name }: ContainerRecord): EngineError {
  return new EngineError(
    'ERR_CGROUP_CONTROLLER_MISSING',
    `cannot pause container ${name}: it is frozen by a cgroup, and this user may make none (docs/rootless.md): stop it instead`,
    { details: { container: name, verb: 'pause' } },
  );
}

/** Since its state was looked at: its run directory is gone. */
function hasEnded({ name }: ContainerRecord): EngineError {
  return new EngineError(
    'ERR_CONTAINER_STATE',
    `cannot pause container ${name}: it has just ended; only a running container can be paused`,
    { details: { container: name, verb: 'pause' } },
  );
}
