/** Work under way: await it for its result, or iterate it for its progress, any number of times, also late, also never. */
export interface ProgressTask<Result, Step> extends PromiseLike<Result>, AsyncIterable<Step> {}

/**
 * Starts something long and makes its result and its progress available. Of steps with the same key only the latest is
 * kept, so memory is bounded by the number of keys, whether or not anybody reads.
 */
export function startTask<Result, Step>(
  keyOf: (step: Step) => string,
  work: (report: (step: Step) => void) => Promise<Result>,
): ProgressTask<Result, Step> {
  const progress = new ProgressBoard<Step>(keyOf);
  const result = work((step) => progress.post(step));
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
class ProgressBoard<Step> {
  readonly #keyOf: (step: Step) => string;
  readonly #latest = new Map<string, Step>();
  readonly #readers = new Set<Reader<Step>>();
  #end: { error?: unknown } | undefined;

  constructor(keyOf: (step: Step) => string) {
    this.#keyOf = keyOf;
  }

  post(step: Step): void {
    const key = this.#keyOf(step);
    this.#latest.set(key, step);
    for (const reader of this.#readers) reader.take(key, step);
  }

  end(end: { error?: unknown } = {}): void {
    this.#end = end;
    for (const reader of this.#readers) reader.wake();
  }

  async *read(): AsyncGenerator<Step, void, undefined> {
    const reader = new Reader<Step>(this.#latest);
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

class Reader<Step> {
  readonly #unseen: Map<string, Step>;
  #wake: (() => void) | undefined;

  constructor(latest: ReadonlyMap<string, Step>) {
    this.#unseen = new Map(latest);
  }

  take(key: string, step: Step): void {
    this.#unseen.delete(key);
    this.#unseen.set(key, step);
    this.wake();
  }

  wake(): void {
    this.#wake?.();
  }

  *drain(): Generator<Step> {
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
