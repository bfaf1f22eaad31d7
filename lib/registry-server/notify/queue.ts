import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** Something that is to be done for somebody, and has not been yet. */
export interface Waiting<T> {
  readonly id: string;
  /** ISO 8601: when it was put here. */
  readonly time: string;
  readonly entry: T;
  readonly attempts: number;
  /** Milliseconds of the epoch. */
  readonly nextAt: number;
}

export interface QueueOptions<T> {
  /** Of the storage's keys. Alone there. */
  readonly folder: string;
  /** What waits for the same is done in order, one after the other. */
  readonly lane: (entry: T) => string;
  /** Does it. Answers whether it is done; what it throws is told of, and it is tried again. */
  readonly deliver: (waiting: Waiting<T>, signal: AbortSignal) => Promise<boolean>;
  readonly onFailed: (error: unknown) => void;
  /** Milliseconds before the second attempt; each further waits twice as long, an hour at most. */
  readonly firstPause?: number;
}

/** Attempts over some two days, after which an entry is dropped, and told of. */
const mostAttempts = 50;
const longestPause = 3600_000;
/** Entries that wait; more, and the oldest is dropped, and told of. */
const mostWaiting = 10_000;

/**
 * Work that is done in the background, again until it succeeds, kept in the registry's storage so that it outlives the process. Of several
 * processes one works at a time. Something may be done twice, when a process ends between doing it and saying so.
 */
export class Queue<T> implements AsyncDisposable {
  readonly #storage: RegistryStorage;
  readonly #options: QueueOptions<T>;
  readonly #stop = new AbortController();
  readonly #writes = new Set<Promise<void>>();
  readonly #running: Promise<void>;
  #adding: Promise<void> = Promise.resolve();
  #lastAt = 0;
  #sequence = 0;
  #wake = () => {};

  constructor(storage: RegistryStorage, options: QueueOptions<T>) {
    this.#storage = storage;
    this.#options = options;
    this.#running = this.#workAlways();
  }

  add(entry: T): void {
    // In the order in which they came, also within a millisecond and when the clock is set back, so that a list of them is.
    const now = Math.max(Date.now(), this.#lastAt);
    this.#sequence = now === this.#lastAt ? this.#sequence + 1 : 0;
    this.#lastAt = now;
    const id = `${digits(now, 15)}-${digits(this.#sequence, 8)}-${randomUUID()}`;
    const waiting = { id, time: new Date(now).toISOString(), entry, attempts: 0, nextAt: now };
    // One after the other: else the second could be delivered before the first is written.
    this.#adding = this.#adding
      .then(() => this.#write(waiting))
      .catch((error) => this.#options.onFailed(error));
    this.#keep(this.#adding.then(() => this.#wake()));
  }

  /** Ends; what waits is done by the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#writes);
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async #workAlways(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const next = await this.#workDue().catch((error) => {
        this.#options.onFailed(error);
        return Date.now() + 1000;
      });
      const timer = new AbortController();
      const pause = Math.min(60_000, Math.max(10, next - Date.now()));
      const passed = delay(pause, undefined, { signal: timer.signal, ref: false }).catch(() => undefined);
      await Promise.race([woken, passed]);
      timer.abort();
    }
  }

  /** Answers when the next is due. */
  async #workDue(): Promise<number> {
    const { folder } = this.#options;
    const next = await this.#storage.exclusively(folder, async () => {
      let earliest = Date.now() + 60_000;
      const names = await this.#storage.list(folder, { limit: mostWaiting + 1 });
      if (names.length > mostWaiting) await this.#drop(names[0] ?? '', 'too much waits');
      const held = new Set<string>();
      for (const name of names) {
        if (this.#stop.signal.aborted) break;
        const waiting = await this.#read(name);
        if (waiting === undefined || held.has(this.#options.lane(waiting.entry))) continue;
        const due = waiting.nextAt <= Date.now() ? await this.#attempt(waiting) : waiting.nextAt;
        if (due === undefined) continue;
        held.add(this.#options.lane(waiting.entry));
        earliest = Math.min(earliest, due);
      }
      return earliest;
    });
    return next ?? Date.now() + 1000;
  }

  /** Undefined when it is done or dropped; else when it is due again. */
  async #attempt(waiting: Waiting<T>): Promise<number | undefined> {
    const isDone = await this.#options.deliver(waiting, this.#stop.signal).catch((error) => {
      if (!this.#stop.signal.aborted) this.#options.onFailed(error);
      return false;
    });
    if (isDone) {
      await this.#storage.remove(`${this.#options.folder}/${waiting.id}`);
      return undefined;
    }
    if (this.#stop.signal.aborted) return waiting.nextAt;
    const attempts = waiting.attempts + 1;
    if (attempts >= mostAttempts) return this.#drop(waiting.id, `${attempts} attempts have failed`);
    const pause = (this.#options.firstPause ?? 1000) * 2 ** (attempts - 1);
    const nextAt = Date.now() + Math.min(longestPause, pause);
    await this.#write({ ...waiting, attempts, nextAt });
    return nextAt;
  }

  async #drop(name: string, why: string): Promise<undefined> {
    await this.#storage.remove(`${this.#options.folder}/${name}`);
    this.#options.onFailed(new Error(`${this.#options.folder}: ${name} is dropped: ${why}`));
  }

  async #read(name: string): Promise<Waiting<T> | undefined> {
    const bytes = await this.#storage.read(`${this.#options.folder}/${name}`);
    return bytes && (JSON.parse(bytes.toString()) as Waiting<T>);
  }

  #write(waiting: Waiting<T>): Promise<void> {
    return this.#storage.write(`${this.#options.folder}/${waiting.id}`, JSON.stringify(waiting));
  }

  #keep(write: Promise<void>): void {
    const kept = write
      .catch((error) => this.#options.onFailed(error))
      .finally(() => this.#writes.delete(kept));
    this.#writes.add(kept);
  }
}

function digits(value: number, count: number): string {
  return value.toString().padStart(count, '0');
}
