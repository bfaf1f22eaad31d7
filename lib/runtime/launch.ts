import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { prepareMonitor, spawnMonitor } from '../../bindings/runtime.ts';
import { EngineError } from '../errors/index.ts';
import { type LinkOptions, MonitorLink, type OutputSink } from './monitor-link.ts';
import { StreamOutput } from './stream-output.ts';
import { Task } from './task.ts';
import type { Bundle } from './task-description.ts';

export interface LaunchOptions extends LinkOptions {
  /** Once it runs: kills it, waits for its end, and rejects with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** The monitor's executable. Default: the package's. */
  readonly monitor?: string | undefined;
}

/**
 * Runs a bundle. `runDir` exists, is empty or of an earlier run, and is the task's until its end. Resolves when the
 * payload has been executed; rejects with the step that failed (`details`: step, errno, path), and nothing is left but
 * files in the run directory.
 */
export async function launchTask(runDir: string, bundle: Bundle, options: LaunchOptions = {}): Promise<Task> {
  const output = new StreamOutput();
  const link = await launch(runDir, bundle, output, options);
  return await startedTask(link, output, options);
}

/** The monitor of a bundle has been started. Its `started` is still to come. */
export async function launch(
  runDir: string,
  { spec, task }: Bundle,
  output: OutputSink,
  options: LaunchOptions,
): Promise<MonitorLink> {
  throwIfAborted(options.signal);
  // Synchronous on purpose: two small files in the page cache cost less than one trip through libuv's pool.
  writeFileSync(join(runDir, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
  writeFileSync(join(runDir, 'task.json'), JSON.stringify(task), { mode: 0o600 });
  return await startMonitor('run', runDir, output, options);
}

/** The task of a link, once it runs; killed and waited for when the caller has given up meanwhile. */
export async function startedTask(
  link: MonitorLink,
  output: StreamOutput,
  { signal }: LaunchOptions,
): Promise<Task> {
  const task = new Task(await link.started, link, output);
  if (!signal?.aborted) return task;
  task.kill(constants.signals.SIGKILL);
  task.stdout.destroy();
  task.stderr.destroy();
  await link.ended();
  throw abortError(signal);
}

export async function startMonitor(
  verb: 'run' | 'exec',
  directory: string,
  output: OutputSink,
  options: LaunchOptions,
): Promise<MonitorLink> {
  options.trace?.step('files');
  const environment = options.trace ? ['STRAKE_TRACE=1'] : [];
  const fd = await spawnMonitor([verb, directory], environment, options.monitor);
  options.trace?.step('spawn seen');
  const link = new MonitorLink(fd, output, options);
  const prepare = () => prepareMonitor(options.monitor);
  Promise.race([link.ready, link.started]).then(prepare, prepare);
  return link;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

export function abortError(signal: AbortSignal): EngineError {
  return new EngineError('ERR_ABORTED', 'aborted by the caller', { cause: signal.reason });
}
