import type { Image } from './image.ts';
import type { PullProgress, PullTask } from './pull-progress.ts';

/**
 * Starts a pull and makes its result and its progress available. Of every layer only the latest state is kept, so memory
 * is bounded by the number of layers, whether or not anybody reads.
 */
export function startPull(pull: (report: (progress: PullProgress) => void) => Promise<Image>): PullTask {
  const progress = new ProgressBoard();
  const result = pull((step) => progress.post(step));
  result.then(
    () => progress.end(),
    (error) => progress.end({ error }),
  );
  return {
    // biome-ignore lint/suspicious/noThenProperty: a task is awaitable by contract
    then: (onFulfilled, onRejected) => result.then(onFulfilled, onRejected),
    [Symbol.asyncIterator]: () => progress.read(),
  };
}

/** The latest state of everything, and what each reader has not seen of it. */
class ProgressBoard {
  readonly #latest = new Map<string, PullProgress>();
  readonly #readers = new Set<Reader>();
  #end: { error?: unknown } | undefined;

  post(step: PullProgress): void {
    const key = keyOf(step);
    this.#latest.set(key, step);
    for (const reader of this.#readers) reader.take(key, step);
  }

  end(end: { error?: unknown } = {}): void {
    this.#end = end;
    for (const reader of this.#readers) reader.wake();
  }

  async *read(): AsyncGenerator<PullProgress, void, undefined> {
    const reader = new Reader(this.#latest);
    this.#readers.add(reader);
    try {
      for (;;) {
        yield* reader.drain();
        if (this.#end) break;
        await reader.news();
      }
      yield* reader.drain();
    } finally {
      this.#readers.delete(reader);
    }
    if ('error' in this.#end) throw this.#end.error;
  }
}

class Reader {
  readonly #unseen: Map<string, PullProgress>;
  #wake: (() => void) | undefined;

  constructor(latest: ReadonlyMap<string, PullProgress>) {
    this.#unseen = new Map(latest);
  }

  take(key: string, step: PullProgress): void {
    this.#unseen.delete(key);
    this.#unseen.set(key, step);
    this.wake();
  }

  wake(): void {
    this.#wake?.();
  }

  *drain(): Generator<PullProgress> {
    for (const [key, step] of this.#unseen) {
      this.#unseen.delete(key);
      yield step;
    }
  }

  async news(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

function keyOf(step: PullProgress): string {
  if (step.type === 'layer') return `layer ${step.index}`;
  return step.type === 'warning' ? `warning ${step.message}` : step.type;
}
