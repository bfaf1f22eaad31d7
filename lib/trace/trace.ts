export interface TraceStep {
  readonly name: string;
  /** Its own: since the step before it ended. */
  readonly microseconds: number;
}

/** An operation's steps in the order of their ends; their durations add up to the whole. */
export interface TraceReport {
  /** What was done, to what: "run 1f2e3d4c5b6a". */
  readonly subject: string;
  readonly steps: readonly TraceStep[];
  readonly microseconds: number;
}

export type OnTrace = (report: TraceReport) => void;

/** A trace that begins now, or null unless STRAKE_TRACE=1. `onTrace` receives it at its end; default: stderr. */
export function beginTrace(
  subject: string,
  onTrace: OnTrace = print,
  start: () => bigint = process.hrtime.bigint,
): Trace | null {
  return process.env.STRAKE_TRACE === '1' ? new Trace(subject, onTrace, start()) : null;
}

export class Trace {
  readonly #subject: string;
  readonly #onTrace: OnTrace;
  readonly #startedAt: bigint;
  readonly #ends: { name: string; at: bigint }[] = [];
  #ended = false;

  constructor(subject: string, onTrace: OnTrace, startedAt: bigint) {
    this.#subject = subject;
    this.#onTrace = onTrace;
    this.#startedAt = startedAt;
  }

  /** `name` has just ended, or at `at` (nanoseconds of CLOCK_MONOTONIC). */
  step(name: string, at: bigint = process.hrtime.bigint()): void {
    this.#ends.push({ name, at });
  }

  /** Hands it over. Only the first call does. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const ends = this.#ends.toSorted((one, other) => Number(one.at - other.at));
    let before = this.#startedAt;
    const steps = ends.map(({ name, at }) => {
      const microseconds = Number(at - before) / 1000;
      before = at;
      return { name, microseconds };
    });
    this.#onTrace({ subject: this.#subject, steps, microseconds: Number(before - this.#startedAt) / 1000 });
  }
}

function print({ subject, steps, microseconds }: TraceReport): void {
  const line = (time: number, name: string) => `strake: ${time.toFixed(0).padStart(8)} us  ${name}\n`;
  const lines = steps.map((step) => line(step.microseconds, step.name));
  process.stderr.write(`strake: trace of ${subject}\n${lines.join('')}${line(microseconds, 'total')}`);
}
