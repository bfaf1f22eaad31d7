import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLocked, lockFile } from '../../bindings/files.ts';
import { signalProcess } from '../../bindings/runtime.ts';
import { EngineError } from '../errors/index.ts';
import { connectLink, notRunning } from './attach.ts';
import { abortError, throwIfAborted } from './launch.ts';
import { StreamOutput } from './stream-output.ts';
import type { ExitStatus } from './task.ts';

/** Derived from the lock, which a monitor holds for its life, and its state.json. */
export type TaskState =
  | {
      readonly status: 'running';
      readonly pid: number;
      readonly pidStart: string;
      readonly startedAt: string;
      readonly monitorPid: number;
      readonly cgroup: string;
      /** By its policy, since it was launched. */
      readonly restarts: number;
    }
  /** Nothing of it runs; its monitor runs it again at `restartAt` (RFC 3339). */
  | { readonly status: 'restarting'; readonly restartAt: string; readonly restarts: number }
  /** Its monitor prepares it, or takes down what is left of it. */
  | { readonly status: 'starting' }
  | { readonly status: 'dead' };

/**
 * Of a run directory, or of an exec's. One that does not exist is dead. Looks synchronously: a turn through libuv's pool takes
 * longer, and who lists asks of hundreds.
 */
export async function taskState(runDir: string): Promise<TaskState> {
  if (!isLocked(join(runDir, 'lock'))) return { status: 'dead' };
  const state = readJson(join(runDir, 'state.json'));
  if (state === null) return { status: 'starting' };
  return { status: 'restartAt' in state ? 'restarting' : 'running', ...state } as TaskState;
}

/** Sends a signal to a running task's process. Of one that does not run: ERR_CONTAINER_STATE. */
export async function killTask(runDir: string, signal: number): Promise<void> {
  const state = await taskState(runDir);
  if (state.status !== 'running' || !signalProcess(state.pid, state.pidStart, signal)) {
    throw notRunning(runDir);
  }
}

/**
 * Resolves when a task has ended, whoever launched it: told by its monitor, or, once the monitor is gone, from the status
 * file (default: the one that task.json names). Rejects with ERR_MONITOR_DIED when nobody recorded how it ended.
 */
export async function waitTask(
  runDir: string,
  options: { signal?: AbortSignal | undefined; statusFile?: string | undefined } = {},
): Promise<ExitStatus> {
  const { signal } = options;
  throwIfAborted(signal);
  const statusFile = options.statusFile ?? statusFileOf(runDir);
  const ended = toldByMonitor(runDir, signal).then((told) => told ?? recorded(runDir, statusFile, signal));
  const status = await raceWith(signal, ended);
  if (status) return status;
  throw new EngineError(
    'ERR_MONITOR_DIED',
    `nobody knows how the task of ${runDir} ended: its monitor was killed, and the container with it`,
  );
}

/** Null when there is no monitor to ask, or when it ends without a word to us. */
async function toldByMonitor(runDir: string, signal: AbortSignal | undefined): Promise<ExitStatus | null> {
  const link = await connectLink(runDir, {}, new StreamOutput()).catch(() => null);
  if (!link) return null;
  const close = () => link.close();
  signal?.addEventListener('abort', close);
  if (signal?.aborted) close();
  try {
    const { startedAt } = await link.started;
    return { startedAt, ...(await link.ended()) };
  } catch {
    return null;
  } finally {
    signal?.removeEventListener('abort', close);
  }
}

/**
 * Waits for the lock, that is for the monitor's end, and reads what it recorded. Not for a caller who has given up: the
 * wait holds a thread that nothing calls back, and with it the end of this process.
 */
async function recorded(
  runDir: string,
  statusFile: string | null,
  signal: AbortSignal | undefined,
): Promise<ExitStatus | null> {
  throwIfAborted(signal);
  try {
    const lock = await lockFile(join(runDir, 'lock'), { shared: true, wait: true });
    lock?.release();
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return statusFile === null ? null : (readJson(statusFile) as ExitStatus | null);
}

function statusFileOf(runDir: string): string | null {
  const description = readJson(join(runDir, 'task.json')) ?? readJson(join(runDir, 'exec.json'));
  return typeof description?.statusFile === 'string' ? description.statusFile : null;
}

function readJson(path: string): Record<string, unknown> | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof EngineError ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function raceWith<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (!signal) return await promise;
  return await new Promise((resolve, reject) => {
    const abort = () => reject(abortError(signal));
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
