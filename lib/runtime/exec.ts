import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeProcess } from '../oci/index.ts';
import { type LaunchOptions, startedTask, startMonitor, throwIfAborted } from './launch.ts';
import type { MonitorLink, OutputSink } from './monitor-link.ts';
import { CapturedRun, type RunTaskOptions, type TaskResult } from './run.ts';
import { StreamOutput } from './stream-output.ts';
import type { Task } from './task.ts';
import type {
  EventSource,
  StdinMode,
  StdioSelection,
  TaskDescription,
  TerminalSize,
} from './task-description.ts';

/** A further process for a running container. */
export interface ExecDescription {
  readonly process: RuntimeProcess;
  readonly user?: TaskDescription['user'];
  readonly stdin: StdinMode;
  readonly attach: StdioSelection;
  readonly terminal?: TerminalSize;
  /** Where `exec_start` and `exec_die` are told. */
  readonly events?: EventSource;
}

export interface ExecTaskOptions extends LaunchOptions {
  /**
   * Keeps its directory (exec.json, state.json, exit.json) for taskState and waitTask; it goes with the container's run
   * directory, or when the caller removes it. Otherwise it is removed at the process's end.
   */
  readonly directory?: string | undefined;
}

/** Runs a process in the container of `runDir`, with the container's namespaces, cgroup and confinement. */
export async function execTask(
  runDir: string,
  description: ExecDescription,
  options: ExecTaskOptions = {},
): Promise<Task> {
  const output = new StreamOutput();
  const { link, remove } = await startExec(runDir, description, output, options);
  try {
    const task = await startedTask(link, output, options);
    link.ended().then(remove, remove);
    return task;
  } catch (error) {
    remove();
    throw error;
  }
}

/** execTask, to its end, with its output captured. */
export async function runExec(
  runDir: string,
  description: ExecDescription,
  options: ExecTaskOptions & RunTaskOptions = {},
): Promise<TaskResult> {
  const run = new CapturedRun(options);
  const { link, remove } = await startExec(runDir, description, run.output, options);
  try {
    return await run.finish(link);
  } finally {
    remove();
  }
}

async function startExec(
  runDir: string,
  description: ExecDescription,
  output: OutputSink,
  options: ExecTaskOptions,
): Promise<{ link: MonitorLink; remove: () => void }> {
  throwIfAborted(options.signal);
  const directory = options.directory ?? join(runDir, 'exec', randomBytes(8).toString('hex'));
  const remove = () => {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
  };
  const statusFile = options.directory === undefined ? undefined : join(directory, 'exit.json');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    const exec = { container: runDir, ...description, statusFile };
    writeFileSync(join(directory, 'exec.json'), JSON.stringify(exec), { mode: 0o600 });
    return { link: await startMonitor('exec', directory, output, options), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
