import { type Readable, Writable } from 'node:stream';
import { signalProcess } from '../../bindings/runtime.ts';
import type { MonitorLink, MonitorWarning, Started } from './monitor-link.ts';
import type { StreamOutput } from './stream-output.ts';

export type { MonitorWarning } from './monitor-link.ts';

/** How a task's process ended. */
export interface ExitStatus {
  /** 128+n after a signal. */
  readonly exitCode: number;
  /** "SIGKILL", if one ended it. */
  readonly signal?: string;
  /** The memory limit killed a process of the container. */
  readonly oomKilled: boolean;
  /** RFC 3339 with nanoseconds, as finishedAt. */
  readonly startedAt: string;
  readonly finishedAt: string;
}

/**
 * A process that runs under a monitor, and this program's connection to it. As with child_process, a stream that is
 * attached has to be read (or destroyed): once what is in between is full, the process waits.
 */
export class Task {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly pidStart: string;
  readonly startedAt: string;
  /** Settings that this machine does not allow and that were left at what it allows. */
  readonly warnings: readonly MonitorWarning[];
  readonly #link: MonitorLink;
  readonly #output: StreamOutput;
  #stdin: Writable | null = null;
  #exited: Promise<ExitStatus> | null = null;

  constructor(started: Started, link: MonitorLink, output: StreamOutput) {
    this.pid = started.pid;
    this.pidStart = started.pidStart;
    this.startedAt = started.startedAt;
    this.warnings = link.warnings;
    this.#link = link;
    this.#output = output;
    output.onRoom = () => link.resume();
  }

  /** Bytes for its stdin; `end()` ends it. Where stdin is not attached they are dropped. */
  get stdin(): Writable {
    this.#stdin ??= stdinOf(this.#link);
    return this.#stdin;
  }

  get stdout(): Readable {
    return this.#output.stream('stdout');
  }

  /** Ends at once for a terminal, whose stderr is part of stdout. */
  get stderr(): Readable {
    return this.#output.stream('stderr');
  }

  /** Settles after the last byte of output, when the status is recorded. Rejects with ERR_MONITOR_DIED. */
  get exited(): Promise<ExitStatus> {
    this.#exited ??= this.#link.ended().then((ended) => ({ ...ended, startedAt: this.startedAt }));
    return this.#exited;
  }

  resize(rows: number, cols: number): void {
    this.#link.resize(rows, cols);
  }

  /** Hangs up; the process goes on. `exited` then rejects with ERR_ABORTED unless it was settled. */
  detach(): void {
    this.#link.close();
  }

  /** Sends a signal to that very process. False: it has ended. */
  kill(signal: number): boolean {
    return signalProcess(this.pid, this.pidStart, signal);
  }
}

/** A link's stdin as a stream. */
export function stdinOf(link: MonitorLink): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => link.sendStdin(chunk, done),
    final: (done) => {
      link.closeStdin();
      done();
    },
  });
}
