import { Refusal } from './refusal.ts';

/** Senders that are remembered; who has not sent for longest is forgotten first, and begins anew. */
const capacity = 10_000;

/** So many requests a minute of each sender: a bucket that fills steadily, as large as a minute's. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #buckets = new Map<string, { level: number; at: number }>();

  /** 0: no limit. */
  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Throws Refusal TOOMANYREQUESTS, with the seconds to wait. */
  take(sender: string): void {
    if (this.#perMinute === 0) return;
    const now = Date.now();
    const bucket = this.#buckets.get(sender) ?? { level: this.#perMinute, at: now };
    const level = Math.min(this.#perMinute, bucket.level + ((now - bucket.at) / 60_000) * this.#perMinute);
    this.#buckets.delete(sender);
    this.#buckets.set(sender, { level: Math.max(0, level - 1), at: now });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > capacity && oldest !== undefined) this.#buckets.delete(oldest);
    if (level >= 1) return;
    const wait = Math.ceil(((1 - level) / this.#perMinute) * 60);
    throw new Refusal(
      'TOOMANYREQUESTS',
      `more than ${this.#perMinute} requests a minute: wait ${wait} seconds`,
      {
        headers: { 'retry-after': String(wait) },
      },
    );
  }
}
