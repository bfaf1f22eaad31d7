import { Refusal } from '../refusal.ts';

/** Wrong passwords of one account from one address, within so many milliseconds, before the next is not looked at. */
const most = 10;
const period = 60_000;
/** Pairs that are remembered; the oldest are forgotten first. */
const capacity = 10_000;

/** Counts wrong passwords, so that nobody tries many. */
export class LoginFailures {
  readonly #failures = new Map<string, { count: number; since: number }>();

  /** Throws Refusal TOOMANYREQUESTS, with the seconds to wait. */
  check(address: string, account: string): void {
    const seen = this.#failures.get(`${address} ${account}`);
    if (seen === undefined || seen.count < most) return;
    const wait = Math.ceil((seen.since + period - Date.now()) / 1000);
    if (wait <= 0) return void this.#failures.delete(`${address} ${account}`);
    throw new Refusal('TOOMANYREQUESTS', `too many wrong passwords: wait ${wait} seconds`, {
      headers: { 'retry-after': String(wait) },
    });
  }

  add(address: string, account: string): void {
    const key = `${address} ${account}`;
    const seen = this.#failures.get(key);
    const isRunning = seen !== undefined && seen.since > Date.now() - period;
    this.#failures.delete(key);
    this.#failures.set(key, isRunning ? { ...seen, count: seen.count + 1 } : { count: 1, since: Date.now() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > capacity && oldest !== undefined) this.#failures.delete(oldest);
  }
}
