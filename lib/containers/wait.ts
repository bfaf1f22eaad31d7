import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { EngineEvent } from '../events/index.ts';
import { waitTask } from '../runtime/index.ts';
import type { Cancellable } from './container.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import type { ContainerState, ExitStatus } from './state.ts';

/** What is waited for: as `docker wait --condition`. */
export interface WaitOptions extends Cancellable {
  condition?: 'not-running' | 'next-exit' | 'removed';
}

/** Milliseconds between looks where nothing tells: at a container that is not started, or not removed, yet. */
const pollInterval = 50;
/** Milliseconds that an event may take from its writer to its reader. */
const journalDelay = 500;
/** docker's answer for one that was removed without ever having run. */
const neverStarted: ExitStatus = {
  exitCode: 0,
  oomKilled: false,
  startedAt: '0001-01-01T00:00:00Z',
  finishedAt: '0001-01-01T00:00:00Z',
};

/**
 * Resolves with how it ended: at once if it has ended already (`not-running`), at its next end, or when it is removed (0 if
 * it never ran). One that was never started is waited for. Of one that has removed itself meanwhile the journal still tells;
 * ERR_CONTAINER_NOT_FOUND when that is too long ago, or when there can be no next end.
 */
export async function waitForContainer(
  context: ContainersContext,
  record: ContainerRecord,
  options: WaitOptions = {},
): Promise<ExitStatus> {
  const { condition = 'not-running', signal } = options;
  await using journal = followEnds(context, record, signal); // from before the look on
  const state = await observe(context, record);
  if (condition === 'removed') return await waitForRemoval(context, record, journal, state);
  if (state === null || isGone(context, record, state)) {
    const end = condition === 'next-exit' ? undefined : await pastEnd(context, record);
    if (end) return end;
    throw removed(record);
  }
  if (state.status === 'exited' && condition === 'not-running') return state;
  if (state.status === 'created' || state.status === 'exited') {
    const previous = state.status === 'exited' ? state.finishedAt : undefined;
    const first = await firstEnd(context, record, journal, previous);
    if (condition === 'next-exit' || record.spec.restart.policy === 'no') return first;
  }
  const wait = condition === 'next-exit' ? waitForEnd : waitForLastEnd;
  return await wait(context, record, signal).catch(endOfGone(context, record));
}

/** A container whose files have just gone looks like one that has none yet. */
function isGone({ store }: ContainersContext, { id }: ContainerRecord, { status }: ContainerState): boolean {
  return status === 'created' && !store.exists(id);
}

/** For `.catch`: one that removes itself may be gone before its monitor could be asked; the journal tells of its end still. */
function endOfGone(
  context: ContainersContext,
  record: ContainerRecord,
): (error: unknown) => Promise<ExitStatus> {
  return async (error) => {
    const isMissing =
      isEngineError(error, 'ERR_MONITOR_DIED') || isEngineError(error, 'ERR_CONTAINER_NOT_FOUND');
    const end = isMissing && !context.store.exists(record.id) ? await pastEnd(context, record) : undefined;
    if (end) return end;
    throw error;
  };
}

/** The last end before the call, as far back as the journal reaches. */
async function pastEnd(context: ContainersContext, record: ContainerRecord): Promise<ExitStatus | undefined> {
  const filters = { type: ['container'], container: [record.id] };
  return await last(ends(context.events.read({ filters, since: record.createdAt, until: new Date() })));
}

/** The journal tells when; looking is for one that could not be written. */
async function waitForRemoval(
  context: ContainersContext,
  record: ContainerRecord,
  { events, signal }: ReturnType<typeof followEnds>,
  state: ContainerState | null,
): Promise<ExitStatus> {
  let seen = state?.status === 'exited' ? state : undefined;
  const told = last(ends(events));
  const gone = (async () => {
    while (context.store.exists(record.id)) {
      throwIfAborted(signal);
      const now = await observe(context, record);
      if (now?.status === 'exited') seen = now;
      await sleep(pollInterval);
    }
    return await Promise.race([told, pastEnd(context, record)]);
  })();
  told.catch(() => undefined);
  gone.catch(() => undefined);
  const end = (await Promise.race([told, gone])) ?? seen ?? (await pastEnd(context, record)) ?? neverStarted;
  return seen && seen.finishedAt >= end.startedAt ? seen : end; // of one run what was recorded knows more
}

async function last<T>(iterable: AsyncIterable<T>): Promise<T | undefined> {
  let latest: T | undefined;
  for await (const value of iterable) latest = value;
  return latest;
}

/** Each end that events of one container tell of, until they tell of its removal. */
async function* ends(events: AsyncIterable<EngineEvent>): AsyncGenerator<ExitStatus> {
  let startedAt: string | undefined;
  let oomKilled = false;
  for await (const { action, time, attributes } of events) {
    if (action === 'destroy') return;
    if (action === 'oom') oomKilled = true;
    if (action === 'die')
      yield {
        exitCode: Number(attributes.exitCode),
        oomKilled,
        startedAt: startedAt ?? time,
        finishedAt: time,
      };
    if (action === 'start') [startedAt, oomKilled] = [time, false];
  }
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

async function toldEnd(
  context: ContainersContext,
  record: ContainerRecord,
  events: AsyncIterable<EngineEvent>,
): Promise<ExitStatus> {
  for await (const end of ends(events)) return await settled(context, record, end);
  throw removed(record);
}

/**
 * A monitor tells of an end just before it is done: whoever waited may remove the container, or start it again. Of the record
 * where that is still of this end: it knows the signal.
 */
async function settled(
  context: ContainersContext,
  record: ContainerRecord,
  end: ExitStatus,
): Promise<ExitStatus> {
  for (;;) {
    const state = await observe(context, record).catch(() => null);
    const isRecorded =
      state?.status === 'exited' && state.finishedAt <= end.finishedAt && state.finishedAt >= end.startedAt;
    if (isRecorded) return state;
    const isEnding = state?.status === 'running' && state.startedAt < end.finishedAt;
    if (!isEnding) return end;
    await sleep(pollInterval / 10);
  }
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
    if (state === null || isGone(context, record, state)) throw removed(record);
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

function removed(record: ContainerRecord): EngineError {
  return new EngineError(
    'ERR_CONTAINER_NOT_FOUND',
    `container ${record.name} was removed: it cannot end any more`,
  );
}
