import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { EngineEvent } from '../events/index.ts';
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
/** Milliseconds that an event may take from its writer to its reader. */
const journalDelay = 500;

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
  await using journal = followEnds(context, record, signal); // from before the look on
  const state = await observe(context, record);
  if (state?.status === 'exited' && condition !== 'next-exit')
    return await removedIfAsked(context, record, state, options);
  if (state === null || state.status === 'created' || state.status === 'exited') {
    const previous = state?.status === 'exited' ? state.finishedAt : undefined;
    const first = await firstEnd(context, record, journal, previous);
    if (condition === 'next-exit' || record.spec.restart.policy === 'no')
      return await removedIfAsked(context, record, first, options);
  }
  const status =
    condition === 'next-exit'
      ? await waitForEnd(context, record, signal)
      : await waitForLastEnd(context, record, signal);
  return await removedIfAsked(context, record, status, options);
}

/** What the journal tells of its ends, from the call on. Disposal stops to follow it. */
function followEnds(context: ContainersContext, { id }: ContainerRecord, signal: AbortSignal | undefined) {
  const stop = new AbortController();
  const signals = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])]);
  const filters = { type: ['container'], container: [id] };
  const events = context.events.read({ filters, signal: signals });
  return { events, signal: signals, [Symbol.asyncDispose]: async () => stop.abort() };
}

/**
 * The first end of one that is not started yet. Whoever looks now and then may miss a whole run, and even the container; the
 * journal tells of each. Looking is for a journal that could not be written.
 */
async function firstEnd(
  context: ContainersContext,
  record: ContainerRecord,
  { events, signal }: ReturnType<typeof followEnds>,
  previousEnd: string | undefined,
): Promise<ExitStatus> {
  const told = toldEnd(context, record, events);
  const seen = untilStarted(context, record, previousEnd, signal).then(() =>
    waitForEnd(context, record, signal),
  );
  told.catch(() => undefined);
  seen.catch(() => undefined);
  const late = seen.catch(async (error: unknown) => {
    await Promise.race([told, sleep(journalDelay)]).catch(() => undefined); // which settles the race, if it has a word of it
    throw error;
  });
  return await Promise.race([told, late]);
}

/** Of the record where that is still of this end: it knows the signal. */
async function toldEnd(
  context: ContainersContext,
  record: ContainerRecord,
  events: AsyncIterable<EngineEvent>,
): Promise<ExitStatus> {
  let startedAt: string | undefined;
  let oomKilled = false;
  for await (const { action, time, attributes } of events) {
    if (action === 'start') startedAt = time;
    if (action === 'oom') oomKilled = true;
    if (action === 'destroy') throw removed(record);
    if (action !== 'die') continue;
    const state = await observe(context, record).catch(() => null);
    if (state?.status === 'exited' && state.finishedAt <= time && state.startedAt >= (startedAt ?? ''))
      return state;
    return {
      exitCode: Number(attributes.exitCode),
      oomKilled,
      startedAt: startedAt ?? time,
      finishedAt: time,
    };
  }
  throw removed(record);
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
