import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, isEngineError } from '../errors/index.ts';
import { waitTask } from '../runtime/index.ts';
import type { Cancellable } from './container.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import type { ExitStatus } from './state.ts';

/** What is waited for: as `docker wait --condition`. */
export interface WaitOptions extends Cancellable {
  condition?: 'not-running' | 'next-exit' | 'removed';
}

/** Milliseconds between looks where nothing tells: at a container that is not started, or not removed, yet. */
const pollInterval = 50;

/**
 * Resolves with how it ended: at once if it has ended already (`not-running`), at its next end, or when it is removed after
 * that. One that was never started is waited for.
 */
export async function waitForContainer(
  context: ContainersContext,
  record: ContainerRecord,
  options: WaitOptions = {},
): Promise<ExitStatus> {
  const { condition = 'not-running', signal } = options;
  const state = await observe(context, record);
  if (state?.status === 'exited' && condition !== 'next-exit')
    return await removedIfAsked(context, record, state, options);
  if (state === null || state.status === 'created' || state.status === 'exited') {
    await untilStarted(context, record, state?.status === 'exited' ? state.finishedAt : undefined, signal);
  }
  const status =
    condition === 'next-exit'
      ? await waitForEnd(context, record, signal)
      : await waitForLastEnd(context, record, signal);
  return await removedIfAsked(context, record, status, options);
}

/** The end after which its restart policy does not start it again. */
async function waitForLastEnd(
  context: ContainersContext,
  record: ContainerRecord,
  signal: AbortSignal | undefined,
): Promise<ExitStatus> {
  if (record.spec.restart.policy === 'no') return await waitForEnd(context, record, signal);
  for (;;) {
    throwIfAborted(signal);
    const state = await observe(context, record);
    if (state === null) throw removed(record);
    if (state.status === 'exited') return state;
    if (state.status === 'running' || state.status === 'paused') await waitForEnd(context, record, signal);
    else await sleep(pollInterval);
  }
}

/** Of a container that runs or has just ended. */
export async function waitForEnd(
  context: ContainersContext,
  record: ContainerRecord,
  signal: AbortSignal | undefined,
): Promise<ExitStatus> {
  const { runDir, exit } = context.store.paths(record.id);
  try {
    return await waitTask(runDir, { signal, statusFile: exit });
  } catch (error) {
    if (!isEngineError(error, 'ERR_MONITOR_DIED')) throw error;
    const state = await observe(context, record); // heals, and knows what is to be known
    if (state?.status === 'exited') return state;
    throw error;
  }
}

async function untilStarted(
  context: ContainersContext,
  record: ContainerRecord,
  previousEnd: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    throwIfAborted(signal);
    if ((await context.store.read(record.id)) === null) throw removed(record);
    const state = await observe(context, record);
    if (state === null) throw removed(record);
    if (state.status === 'running' || state.status === 'paused') return;
    if (state.status === 'restarting') return;
    if (state.status === 'exited' && state.finishedAt !== previousEnd) return;
    await sleep(pollInterval);
  }
}

async function removedIfAsked(
  context: ContainersContext,
  record: ContainerRecord,
  status: ExitStatus,
  { condition, signal }: WaitOptions,
): Promise<ExitStatus> {
  while (condition === 'removed' && (await context.store.read(record.id)) !== null) {
    throwIfAborted(signal);
    await sleep(pollInterval);
  }
  return status;
}

function removed(record: ContainerRecord): EngineError {
  return new EngineError(
    'ERR_CONTAINER_NOT_FOUND',
    `container ${record.name} was removed before it was started`,
  );
}
