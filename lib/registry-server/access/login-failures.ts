import { Refusal } from '../refusal.ts';

/** Wrong passwords of one account from one address, within so many milliseconds, before the next is not looked at. */
const most = 10;
const period = 60_000;
/** Pairs that are remembered; the oldest are forgotten first. */
const capacity = 10_000;

/** Counts wrong passwords, so that nobody tries many. */
export class LoginFailures {
  readonly #failures = new Map<string, { count: number; since: number }>();
  readonly #running = new Map<string, Promise<void>>();

  /**
   * Runs a login, unless too many have failed; a Refusal that it throws counts. Logins of one account from one address run one
   * after the other: else all that come at once would be let through before the first is counted. Throws Refusal
   * TOOMANYREQUESTS, with the seconds to wait.
   */
  async attempt<T>(address: string, account: string, login: () => Promise<T>): Promise<T> {
    const key = `${address} ${account}`;
    const mine = (this.#running.get(key) ?? Promise.resolve()).then(() => this.#run(key, login));
    const ended = mine.then(ignore, ignore);
    this.#running.set(key, ended);
    try {
      return await mine;
    } finally {
      if (this.#running.get(key) === ended) this.#running.delete(key);
    }
  }

  async #run<T>(key: string, login: () => Promise<T>): Promise<T> {
    this.#check(key);
    try {
      return await login();
    } catch (error) {
      if (error instanceof Refusal) this.#add(key);
      throw error;
    }
  }

  #check(key: string): void {
    const seen = this.#failures.get(key);
    if (seen === undefined || seen.count < most) return;
    const wait = Math.ceil((seen.since + period - Date.now()) / 1000);
    if (wait <= 0) return void this.#failures.delete(key);
    throw new Refusal('TOOMANYREQUESTS', `too many wrong passwords: wait ${wait} seconds`, {
      headers: { 'retry-after': String(wait) },
    });
  }

  #add(key: string): void {
    const seen = this.#failures.get(key);
    const isRunning = seen !== undefined && seen.since > Date.now() - period;
    this.#failures.delete(key);
    this.#failures.set(key, isRunning ? { ...seen, count: seen.count + 1 } : { count: 1, since: Date.now() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > capacity && oldest !== undefined) this.#failures.delete(oldest);
  }
}

function ignore(): void {}
