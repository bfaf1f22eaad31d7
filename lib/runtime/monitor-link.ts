import { Socket } from 'node:net';
import { EngineError, type ErrorCode, errorCodes } from '../errors/index.ts';
import type { Trace } from '../trace/index.ts';
import {
  type FrameHandler,
  FrameParser,
  frameHeader,
  frameType,
  maxPayload,
  type OutputName,
} from './frames.ts';

export interface Started {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: with it the pid means one process for ever. */
  readonly pidStart: string;
  /** RFC 3339 with nanoseconds. */
  readonly startedAt: string;
}

export interface Ended {
  readonly exitCode: number;
  readonly signal?: string;
  readonly oomKilled: boolean;
  readonly finishedAt: string;
}

export interface MonitorWarning {
  readonly code: string;
  readonly message: string;
}

/** Where a task's output goes. */
export interface OutputSink {
  /** False: read no more until the link's resume() is called. */
  write(name: OutputName, bytes: Buffer): boolean;
  end(): void;
}

export interface LinkOptions {
  /** Receives the steps of the launch, of the monitor and of the container's end. */
  readonly trace?: Trace | null | undefined;
}

/** One connection to a monitor: the launcher's, or one to its attach.sock. */
export class MonitorLink implements FrameHandler {
  readonly warnings: MonitorWarning[] = [];
  /** Settles with the first frame. Rejects with the monitor's reason, or ERR_MONITOR_DIED. */
  readonly started: Promise<Started>;
  /** Of a task that waits for its process: all else is set up. Rejects as `started`. */
  readonly ready: Promise<void>;
  readonly #socket: Socket;
  readonly #parser = new FrameParser(this);
  readonly #output: OutputSink;
  readonly #options: LinkOptions;
  #resolveStarted!: (started: Started) => void;
  #rejectStarted!: (error: EngineError) => void;
  #resolveReady!: () => void;
  #rejectReady!: (error: EngineError) => void;
  #onReloaded: ((answer: LaunchFailure | Record<string, never>) => void) | undefined;
  #ended: Ended | EngineError | null = null;
  #waiters: ((ended: Ended | EngineError) => void)[] = [];

  constructor(fd: number, output: OutputSink, options: LinkOptions = {}) {
    this.#output = output;
    this.#options = options;
    this.started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => undefined); // most launches do not wait
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.on('data', (chunk: Buffer) => this.#parser.push(chunk));
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => this.#end(monitorDied()));
  }

  /** Resolves after the last byte of output. Rejects with ERR_MONITOR_DIED. */
  async ended(): Promise<Ended> {
    const ended =
      this.#ended ?? (await new Promise<Ended | EngineError>((resolve) => this.#waiters.push(resolve)));
    if (ended instanceof EngineError) throw ended;
    return ended;
  }

  get hasEnded(): boolean {
    return this.#ended !== null;
  }

  resume(): void {
    this.#socket.resume();
  }

  /** `done` is called when it has been handed over, or when nobody reads it any more. */
  sendStdin(bytes: Uint8Array, done: () => void): void {
    let at = 0;
    for (; at + maxPayload < bytes.length; at += maxPayload) {
      this.#send(frameType.stdin, bytes.subarray(at, at + maxPayload));
    }
    this.#send(frameType.stdin, bytes.subarray(at), done);
  }

  closeStdin(): void {
    this.#send(frameType.stdinClose, new Uint8Array(0));
  }

  resize(rows: number, cols: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt16BE(rows, 0);
    payload.writeUInt16BE(cols, 2);
    this.#send(frameType.resize, payload);
  }

  sendAttach(attach: object): void {
    this.#send(frameType.attach, Buffer.from(JSON.stringify(attach)));
  }

  /** What a task that waits is to execute (native/protocol/frames.h). */
  sendGo(process: Uint8Array): void {
    this.#send(frameType.go, process);
  }

  /** Its monitor reads the task's network again. Rejects with what could not be done. */
  async reload(): Promise<void> {
    const answer = new Promise<LaunchFailure | Record<string, never>>((resolve) => {
      this.#onReloaded = resolve;
    });
    this.#send(frameType.reload, new Uint8Array(0));
    const said = await Promise.race([answer, this.ended().then(() => null)]);
    if (said !== null && 'code' in said) throw launchError(said as LaunchFailure);
  }

  /** Says nothing more, and waits until the monitor has gone. */
  async finish(): Promise<void> {
    if (this.#ended !== null) return;
    this.#socket.end();
    await this.ended().catch(() => undefined);
  }

  /** Hangs up; ended() rejects with ERR_ABORTED. */
  close(): void {
    this.#end(new EngineError('ERR_ABORTED', 'this program has detached from the task, which may still run'));
  }

  onOutput(name: OutputName, bytes: Buffer): void {
    if (!this.#output.write(name, bytes)) this.#socket.pause();
  }

  onControl(type: number, payload: Buffer): void {
    const message = JSON.parse(payload.toString());
    if (type === frameType.ready) this.#resolveReady();
    else if (type === frameType.started) this.#onStarted(message as Started);
    else if (type === frameType.failed) this.#end(launchError(message as LaunchFailure));
    else if (type === frameType.exited) this.#end(message as Ended);
    else if (type === frameType.dropped) this.#end(launchError(message as LaunchFailure));
    else if (type === frameType.warning) this.warnings.push(message as MonitorWarning);
    else if (type === frameType.reloaded) this.#onReloaded?.(message);
    else if (type === frameType.trace) this.#onTrace(message as [string, number][]);
  }

  #onStarted(started: Started): void {
    this.#options.trace?.step('start seen');
    this.#resolveStarted(started);
  }

  #onTrace(steps: readonly [string, number][]): void {
    for (const [name, at] of steps) this.#options.trace?.step(name, BigInt(at));
  }

  #send(type: number, payload: Uint8Array, done?: () => void): void {
    if (this.#ended !== null || !this.#socket.writable) {
      done?.();
      return;
    }
    this.#socket.cork();
    this.#socket.write(frameHeader(type, payload.length));
    this.#socket.write(payload, () => done?.());
    this.#socket.uncork();
  }

  #end(ended: Ended | EngineError): void {
    if (this.#ended !== null) return;
    this.#ended = ended;
    this.#options.trace?.step('end seen');
    if (ended instanceof EngineError) {
      this.#rejectStarted(ended);
      this.#rejectReady(ended);
    }
    this.#output.end();
    for (const resolve of this.#waiters.splice(0)) resolve(ended);
    this.#socket.destroy();
  }
}

interface LaunchFailure {
  readonly code: string;
  readonly step: string;
  readonly errno: number;
  readonly path: string;
  readonly message: string;
}

function launchError({ code, message, ...details }: LaunchFailure): EngineError {
  const known = code in errorCodes ? (code as ErrorCode) : 'ERR_LAUNCH_FAILED';
  return new EngineError(known, message, { details });
}

function monitorDied(): EngineError {
  return new EngineError(
    'ERR_MONITOR_DIED',
    'the monitor of the container is gone without a word: it was killed, and the container with it; start it again',
  );
}
