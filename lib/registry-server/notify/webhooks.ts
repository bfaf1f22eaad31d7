import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isWithin } from '../access/role.ts';
import type { RegistryEvent } from '../registry-event.ts';
import type { RegistrySettings } from '../settings.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** Whoever is told of events. */
export type WebhookSettings = NonNullable<RegistrySettings['webhooks']>[number];

export interface WebhookOptions {
  readonly onFailed: (error: unknown) => void;
  /** Milliseconds before the second attempt; each further waits twice as long, an hour at most. */
  readonly firstPause?: number;
}

/** A message that has not been delivered yet. */
interface Message {
  readonly id: string;
  readonly url: string;
  readonly time: string;
  readonly event: RegistryEvent;
  readonly attempts: number;
  /** Milliseconds of the epoch. */
  readonly nextAt: number;
}

/** Attempts over some two days, after which a message is dropped, and told of. */
const mostAttempts = 50;
const longestPause = 3600_000;
/** Messages that wait for one that does not answer; more are dropped, and told of. */
const mostWaiting = 10_000;
const patience = 10_000;

/**
 * Tells others of what has happened, by POST of a JSON document. `X-Strake-Signature` is `sha256=` and the HMAC of the body with
 * the secret. What is not answered with 2xx is sent again later; what waits is kept in the storage (`webhooks/ID`), so that
 * it outlives the process. A message may come twice: its `id` says so.
 */
export class Webhooks implements AsyncDisposable {
  readonly #storage: RegistryStorage;
  readonly #settings: readonly WebhookSettings[];
  readonly #options: WebhookOptions;
  readonly #stop = new AbortController();
  readonly #writes = new Set<Promise<void>>();
  #wake = () => {};
  #running: Promise<void> | undefined;

  constructor(storage: RegistryStorage, settings: readonly WebhookSettings[], options: WebhookOptions) {
    this.#storage = storage;
    this.#settings = settings;
    this.#options = options;
    if (settings.length > 0) this.#running = this.#deliverAlways();
  }

  /** Puts an event into the queue of all whom it concerns. */
  announce(event: RegistryEvent): void {
    for (const { url, events, scope = '*' } of this.#settings) {
      const isWanted = events === undefined ? event.action !== 'pull' : events.includes(event.action);
      if (!isWanted || !isWithin(scope, event.repository)) continue;
      const now = Date.now();
      // In the order of time, so that a list of them is.
      const id = `${now.toString().padStart(15, '0')}-${randomUUID()}`;
      const message = { id, url, time: new Date(now).toISOString(), event, attempts: 0, nextAt: now };
      this.#keep(this.#write(message).then(() => this.#wake()));
    }
  }

  /** Ends; what waits is delivered by the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#writes);
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async #deliverAlways(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const next = await this.#deliverDue().catch((error) => {
        this.#options.onFailed(error);
        return Date.now() + 1000;
      });
      const wait = Math.min(60_000, Math.max(10, next - Date.now()));
      const timer = new AbortController();
      await Promise.race([
        woken,
        delay(wait, undefined, { signal: timer.signal, ref: false }).catch(() => undefined),
      ]);
      timer.abort();
    }
  }

  /** Answers when the next is due. Of several processes one delivers. */
  async #deliverDue(): Promise<number> {
    const next = await this.#storage.exclusively('webhooks', async () => {
      let earliest = Date.now() + 60_000;
      const names = await this.#storage.list('webhooks', { limit: mostWaiting + 1 });
      if (names.length > mostWaiting) await this.#drop(names[0] ?? '', 'too many wait');
      const silent = new Set<string>();
      for (const name of names) {
        if (this.#stop.signal.aborted) break;
        const message = await this.#read(name);
        if (message === undefined || silent.has(message.url)) continue;
        const due = message.nextAt <= Date.now() ? await this.#attempt(message) : message.nextAt;
        // In order for each: what comes later waits for what comes first.
        if (due !== undefined) silent.add(message.url);
        earliest = Math.min(earliest, due ?? earliest);
      }
      return earliest;
    });
    return next ?? Date.now() + 1000;
  }

  /** Undefined when it was delivered or dropped; else when it is due again. */
  async #attempt(message: Message): Promise<number | undefined> {
    const settings = this.#settings.find(({ url }) => url === message.url);
    if (settings === undefined) return this.#drop(message.id, 'nobody is told at that address any more');
    if (await this.#send(message, settings)) {
      await this.#storage.remove(`webhooks/${message.id}`);
      return undefined;
    }
    const attempts = message.attempts + 1;
    if (attempts >= mostAttempts) return this.#drop(message.id, `${attempts} attempts have failed`);
    const pause = Math.min(longestPause, (this.#options.firstPause ?? 1000) * 2 ** (attempts - 1));
    const nextAt = Date.now() + pause;
    await this.#write({ ...message, attempts, nextAt });
    return nextAt;
  }

  async #send({ id, time, event }: Message, { url, secret }: WebhookSettings): Promise<boolean> {
    const body = JSON.stringify({ id, time, ...event });
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    try {
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'x-strake-signature': signature },
        redirect: 'error',
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(patience)]),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  async #drop(name: string, why: string): Promise<undefined> {
    await this.#storage.remove(`webhooks/${name}`);
    this.#options.onFailed(new Error(`webhook message ${name} is dropped: ${why}`));
  }

  async #read(name: string): Promise<Message | undefined> {
    const bytes = await this.#storage.read(`webhooks/${name}`);
    return bytes && (JSON.parse(bytes.toString()) as Message);
  }

  #write(message: Message): Promise<void> {
    return this.#storage.write(`webhooks/${message.id}`, JSON.stringify(message));
  }

  #keep(write: Promise<void>): void {
    const kept = write
      .catch((error) => this.#options.onFailed(error))
      .finally(() => this.#writes.delete(kept));
    this.#writes.add(kept);
  }
}
