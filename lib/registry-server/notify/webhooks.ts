import { createHmac } from 'node:crypto';
import { isWithin } from '../access/role.ts';
import type { RegistryEvent } from '../registry-event.ts';
import type { RegistrySettings } from '../settings.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { Queue, type Waiting } from './queue.ts';

/** Whoever is told of events. */
export type WebhookSettings = NonNullable<RegistrySettings['webhooks']>[number];

interface Message {
  readonly url: string;
  readonly event: RegistryEvent;
}

/** Milliseconds for an answer. */
const patience = 10_000;

/**
 * Tells others of what has happened, by POST of a JSON document. `X-Strake-Signature` is `sha256=` and the HMAC of the body with
 * the secret. What is not answered with 2xx is sent again later, in order. A message may come twice: its `id` says so.
 */
export class Webhooks implements AsyncDisposable {
  readonly #settings: readonly WebhookSettings[];
  readonly #queue: Queue<Message> | undefined;

  constructor(
    storage: RegistryStorage,
    settings: readonly WebhookSettings[],
    onFailed: (error: unknown) => void,
  ) {
    this.#settings = settings;
    if (settings.length === 0) return;
    this.#queue = new Queue(storage, {
      folder: 'webhooks',
      lane: ({ url }) => url,
      deliver: (waiting, signal) => this.#send(waiting, signal),
      onFailed,
    });
  }

  /** Puts an event into the queue of all whom it concerns. */
  announce(event: RegistryEvent): void {
    for (const { url, events, scope = '*' } of this.#settings) {
      const isWanted = events === undefined ? event.action !== 'pull' : events.includes(event.action);
      if (isWanted && isWithin(scope, event.repository)) this.#queue?.add({ url, event });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue?.[Symbol.asyncDispose]();
  }

  /** What is for an address that is no longer in the settings is done with. */
  async #send({ id, time, entry: { url, event } }: Waiting<Message>, signal: AbortSignal): Promise<boolean> {
    const settings = this.#settings.find((one) => one.url === url);
    if (settings === undefined) return true;
    const body = JSON.stringify({ id, time, ...event });
    const signature = `sha256=${createHmac('sha256', settings.secret).update(body).digest('hex')}`;
    try {
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'x-strake-signature': signature },
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }
}
