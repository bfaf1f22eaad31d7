import { constants } from 'node:os';
import { EngineError, isEngineError } from '../errors/index.ts';
import { announce } from './announce.ts';
import type { Cancellable } from './container.ts';
import type { ContainersContext } from './context.ts';
import { keepStopped, killProcesses } from './kill.ts';
import { observe } from './observe.ts';
import { integer } from './option-values.ts';
import type { ContainerRecord } from './record.ts';
import { parseSignal } from './signals.ts';
import { requireState } from './state.ts';
import { stopSignalOf } from './stop-signal.ts';
import { unpauseContainer } from './unpause.ts';
import { waitForEnd } from './wait.ts';

/** How a container is stopped. */
export interface StopOptions extends Cancellable {
  /** Seconds before SIGKILL; -1 waits for ever. Default: the container's. */
  timeout?: number;
  /** Instead of the container's stop signal. */
  stopSignal?: string;
}

/** The stop signal, some seconds, SIGKILL. Resolves when it has ended. ERR_CONTAINER_STATE when it does not run. */
export async function stopContainer(
  context: ContainersContext,
  record: ContainerRecord,
  options: StopOptions = {},
): Promise<void> {
  const timeout = integer('timeout', options.timeout ?? record.spec.stopTimeout, -1, 2 ** 31 - 1);
  const signal = parseSignal(options.stopSignal ?? stopSignalOf(record));
  const state = (await observe(context, record)) ?? { status: 'created' };
  requireState('stop', record.name, state);
  await keepStopped(context, record);
  if (state.status === 'paused') await unpauseContainer(context, record);
  await killProcesses(context, record, signal);
  if (!(await endsWithin(context, record, timeout, options.signal))) {
    await killProcesses(context, record, constants.signals.SIGKILL);
    await waitUntilEnded(context, record, options.signal);
  }
  announce(context, record, 'stop');
}

/** One that removes itself may be gone, with all that tells of its end, before its monitor could be asked. */
async function waitUntilEnded(
  context: ContainersContext,
  record: ContainerRecord,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await waitForEnd(context, record, signal);
  } catch (error) {
    const isGone = isEngineError(error, 'ERR_MONITOR_DIED') && !context.store.exists(record.id);
    if (!isGone || !record.spec.autoRemove) throw error;
  }
}

/** Milliseconds; Node makes 1 of anything longer. */
const longestTimer = 2 ** 31 - 1;

async function endsWithin(
  context: ContainersContext,
  record: ContainerRecord,
  seconds: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const limit = seconds < 0 ? undefined : AbortSignal.timeout(Math.min(seconds * 1000, longestTimer));
  const signals = [limit, signal].filter((item) => item !== undefined);
  try {
    await waitUntilEnded(context, record, signals.length > 0 ? AbortSignal.any(signals) : undefined);
    return true;
  } catch (error) {
    if (!isEngineError(error, 'ERR_ABORTED') || signal?.aborted) throw error;
    if (limit?.aborted) return false;
    throw new EngineError('ERR_ABORTED', 'the stop was aborted', { cause: error });
  }
}
