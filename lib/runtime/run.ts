import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { signalProcess } from '../../bindings/runtime.ts';
import { EngineError } from '../errors/index.ts';
import { CapturedOutput } from './captured-output.ts';
import { abortError, type LaunchOptions, launch } from './launch.ts';
import type { MonitorLink, MonitorWarning, Started } from './monitor-link.ts';
import { type ExitStatus, stdinOf } from './task.ts';
import type { Bundle } from './task-description.ts';

export interface RunTaskOptions extends LaunchOptions {
  /** For stdin, which the bundle has as `once` and attached. */
  readonly input?: string | Uint8Array | Readable | undefined;
  /** Milliseconds from the start; then it is killed, and the call rejects with ERR_TIMEOUT. */
  readonly timeout?: number | undefined;
  /** Bytes of each stream; more kills it and is ERR_OUTPUT_TOO_LARGE. Default 16 MiB. */
  readonly maxOutput?: number | undefined;
}

export interface TaskResult {
  readonly status: ExitStatus;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly warnings: readonly MonitorWarning[];
}

const defaultMaxOutput = 16 << 20;
/** Milliseconds, 25 days: Node makes 1 of anything longer. */
const longestTimer = 2 ** 31 - 1;

/** launchTask, to its end, with its output captured. The output so far is in the `details` of an ERR_TIMEOUT. */
export async function runTask(
  runDir: string,
  bundle: Bundle,
  options: RunTaskOptions = {},
): Promise<TaskResult> {
  const run = new CapturedRun(options);
  return await run.finish(await launch(runDir, bundle, run.output, options));
}

/** One run: it is killed for the first of several reasons, and that reason is what the caller is told. */
export class CapturedRun {
  readonly output: CapturedOutput;
  readonly #options: RunTaskOptions;
  #started: Started | null = null;
  #failure: EngineError | null = null;

  constructor(options: RunTaskOptions) {
    this.#options = options;
    const maxOutput = options.maxOutput ?? defaultMaxOutput;
    this.output = new CapturedOutput(maxOutput, () => this.#kill(tooLarge(maxOutput)));
  }

  async finish(link: MonitorLink): Promise<TaskResult> {
    const { signal, timeout, input } = this.#options;
    const started = await link.started;
    this.#started = started;
    const abort = () => signal && this.#kill(abortError(signal));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    const timer =
      timeout === undefined || timeout > longestTimer
        ? null
        : setTimeout(() => this.#kill(timedOut(timeout)), timeout);
    const stopInput = this.#feed(link, input);
    try {
      if (this.output.overflow) this.#signal();
      const ended = await link.ended();
      if (this.#failure) throw this.#withOutput(this.#failure);
      const status = { ...ended, startedAt: started.startedAt };
      return { status, warnings: link.warnings, ...this.#captured() };
    } finally {
      if (timer) clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      stopInput();
    }
  }

  /** Returns what stops it. */
  #feed(link: MonitorLink, input: RunTaskOptions['input']): () => void {
    if (input === undefined) return () => {};
    if (typeof input === 'string' || input instanceof Uint8Array) {
      link.sendStdin(typeof input === 'string' ? Buffer.from(input) : input, () => {});
      link.closeStdin();
      return () => {};
    }
    const stdin = stdinOf(link);
    const onError = (cause: Error) => this.#kill(badInput(cause));
    input.once('error', onError).pipe(stdin);
    return () => {
      input.unpipe(stdin);
      input.off('error', onError);
    };
  }

  #kill(failure: EngineError): void {
    this.#failure ??= failure;
    this.#signal();
  }

  #signal(): void {
    if (this.#started) signalProcess(this.#started.pid, this.#started.pidStart, constants.signals.SIGKILL);
  }

  #captured(): { stdout: Buffer; stderr: Buffer } {
    return { stdout: this.output.bytes('stdout'), stderr: this.output.bytes('stderr') };
  }

  #withOutput({ code, message, cause }: EngineError): EngineError {
    return new EngineError(code, message, { cause, details: this.#captured() });
  }
}

function tooLarge(maxOutput: number): EngineError {
  return new EngineError(
    'ERR_OUTPUT_TOO_LARGE',
    `the command wrote more than ${maxOutput} bytes to stdout or stderr and was killed; raise maxOutput, or attach and stream`,
  );
}

function timedOut(timeout: number): EngineError {
  return new EngineError('ERR_TIMEOUT', `the command did not end within ${timeout} ms and was killed`);
}

function badInput(cause: Error): EngineError {
  return new EngineError('ERR_ABORTED', `the input failed, and the command was killed: ${cause.message}`, {
    cause,
  });
}
