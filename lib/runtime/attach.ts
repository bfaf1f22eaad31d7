import { join } from 'node:path';
import { connectUnix } from '../../bindings/runtime.ts';
import { EngineError } from '../errors/index.ts';
import { startedTask, throwIfAborted } from './launch.ts';
import { MonitorLink, type OutputSink } from './monitor-link.ts';
import { StreamOutput } from './stream-output.ts';
import type { Task } from './task.ts';
import type { StdioSelection } from './task-description.ts';

export interface AttachTaskOptions extends StdioSelection {
  /** Until it is attached. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a running task's stdio, from any process: output from now on. Several may be attached at once. Of one that
 * does not run: ERR_CONTAINER_STATE.
 */
export async function attachTask(runDir: string, options: AttachTaskOptions = {}): Promise<Task> {
  const { stdin = false, stdout = true, stderr = true, signal } = options;
  throwIfAborted(signal);
  const output = new StreamOutput();
  const link = await connectLink(runDir, { stdin, stdout, stderr }, output);
  try {
    return await startedTask(link, output, {});
  } catch (cause) {
    throw notRunning(runDir, cause);
  }
}

/**
 * What task.json says of the network of a running task is done now. ERR_CONTAINER_STATE when it does not run; else what the
 * monitor could not do, which is then as it was.
 */
export async function reloadTask(runDir: string): Promise<void> {
  const link = await connectLink(runDir, { stdin: false, stdout: false, stderr: false }, new StreamOutput());
  try {
    await link.started;
    await link.reload();
  } finally {
    link.close();
  }
}

export async function connectLink(
  runDir: string,
  selection: StdioSelection,
  output: OutputSink,
): Promise<MonitorLink> {
  const fd = await connectUnix(join(runDir, 'attach.sock'));
  if (fd === null) throw notRunning(runDir);
  const link = new MonitorLink(fd, output);
  link.sendAttach(selection);
  return link;
}

export function notRunning(runDir: string, cause?: unknown): EngineError {
  return new EngineError('ERR_CONTAINER_STATE', `the task of ${runDir} is not running: start it first`, {
    cause,
  });
}
