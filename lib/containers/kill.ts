import { rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { thawCgroup } from '../../bindings/cgroup.ts';
import { isEngineError } from '../errors/index.ts';
import { killTask } from '../runtime/index.ts';
import { announce } from './announce.ts';
import { cgroupOf } from './bundle.ts';
import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { parseSignal } from './signals.ts';
import { requireState } from './state.ts';
import { stopSignalOf } from './stop-signal.ts';
import { ignoring } from './store.ts';

/** Sends a signal to the container's process 1. ERR_CONTAINER_STATE when it does not run. */
export async function killContainer(
  context: ContainersContext,
  record: ContainerRecord,
  signal: string | number = 'SIGKILL',
): Promise<void> {
  const number = parseSignal(signal);
  requireState('kill', record.name, (await observe(context, record)) ?? { status: 'created' });
  if (number === constants.signals.SIGKILL || number === parseSignal(stopSignalOf(record)))
    await keepStopped(context, record);
  await killProcesses(context, record, number);
}

/**
 * From now on its restart policy is at rest: whatever ends it ends it for good. Of one that waits to be started again,
 * that is its end (native/monitor/run.cc looks ten times a second, and once more after a start).
 */
export async function keepStopped(context: ContainersContext, record: ContainerRecord): Promise<void> {
  if (record.spec.restart.policy === 'no') return;
  await writeFile(context.store.paths(record.id).stopped, '').catch(ignoring('ENOENT'));
}

/** The same without a look at the state: one that has just ended is no error. What is frozen is thawed to die. */
export async function killProcesses(
  context: ContainersContext,
  record: ContainerRecord,
  signal: number,
): Promise<void> {
  const { runDir, paused } = context.store.paths(record.id);
  await killTask(runDir, signal).then(
    () => announce(context, record, 'kill', { signal: String(signal) }),
    (error: unknown) => {
      if (!isEngineError(error, 'ERR_CONTAINER_STATE')) throw error;
    },
  );
  if (signal !== constants.signals.SIGKILL) return;
  await rm(paused, { force: true }); // before the thaw: pauseContainer relies on it
  await thawCgroup(cgroupOf(record)).catch(() => undefined); // it has gone with the container
}
