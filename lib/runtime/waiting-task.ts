import { EngineError } from '../errors/index.ts';
import type { OutputName } from './frames.ts';
import { maxPayload } from './frames.ts';
import { type LaunchOptions, launch, startedTask } from './launch.ts';
import type { MonitorLink, OutputSink } from './monitor-link.ts';
import { CapturedRun, type RunTaskOptions, type TaskResult } from './run.ts';
import { StreamOutput } from './stream-output.ts';
import type { Task } from './task.ts';
import type { Bundle } from './task-description.ts';

/** What a waiting task is to execute. */
export interface LateProcess {
  readonly args: readonly string[];
  /** `NAME=value`, all of it. */
  readonly env?: readonly string[];
  /** Absolute. */
  readonly cwd: string;
}

/**
 * Sets up everything of a task but its process, which comes later (`waits` in native/protocol/task.md). Resolves when only
 * the exec is missing. It is gone, with its directories, as soon as this program is.
 */
export async function launchWaiting(
  runDir: string,
  { spec, task }: Bundle,
  options: LaunchOptions = {},
): Promise<WaitingTask> {
  const output = new LateOutput();
  const link = await launch(runDir, { spec, task: { ...task, waits: true } }, output, options);
  await link.ready;
  return new WaitingTask(link, output);
}

/** A task without a process. One of begin(), run() and discard() is called, once. */
export class WaitingTask {
  /** Settles when it has died while it waited, or has ended. */
  readonly gone: Promise<unknown>;
  readonly #link: MonitorLink;
  readonly #output: LateOutput;

  constructor(link: MonitorLink, output: LateOutput) {
    this.#link = link;
    this.#output = output;
    this.gone = link.ended().catch(() => undefined);
    link.started.catch(() => undefined);
  }

  get hasEnded(): boolean {
    return this.#link.hasEnded;
  }

  /** As launchTask. */
  async begin(process: LateProcess, options: LaunchOptions = {}): Promise<Task> {
    const output = new StreamOutput();
    this.#output.target = output;
    this.#link.sendGo(encode(process));
    return await startedTask(this.#link, output, options);
  }

  /** As runTask. */
  async run(process: LateProcess, options: RunTaskOptions = {}): Promise<TaskResult> {
    const run = new CapturedRun(options);
    this.#output.target = run.output;
    this.#link.sendGo(encode(process));
    if (options.input === undefined) this.#link.closeStdin();
    return await run.finish(this.#link);
  }

  /** Nothing of it is left when this resolves. */
  async discard(): Promise<void> {
    await this.#link.finish();
  }
}

/** Nothing comes before it is known who takes it. */
class LateOutput implements OutputSink {
  target: OutputSink | null = null;

  write(name: OutputName, bytes: Buffer): boolean {
    return this.target?.write(name, bytes) ?? true;
  }

  end(): void {
    this.target?.end();
  }
}

/** native/protocol/frames.h, go. @throws EngineError ERR_INVALID_ARGUMENT */
function encode({ args, env = [], cwd }: LateProcess): Buffer {
  const fields = [cwd, String(args.length), ...args, ...env];
  if (fields.some((field) => field.includes('\0')))
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      'an argument or a variable contains a NUL byte: leave it out',
    );
  const bytes = Buffer.from(`${fields.join('\0')}\0`);
  if (bytes.length <= maxPayload) return bytes;
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    `arguments and environment have ${bytes.length} bytes, and at most ${maxPayload} can be passed: use a file or stdin`,
  );
}
