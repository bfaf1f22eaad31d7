import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { Refusal } from '../refusal.ts';

/** Wrong passwords of one account from one address, within so many milliseconds, before the next is not looked at. */
const most = 10;
const period = 60_000;
/** Accounts with wrong passwords from one address within that time: whoever tries one password with many names. */
const mostOfAddress = 60;
/** Logins from one address that run at once; more wait. */
const mostAtOnce = 8;
/** Pairs that are remembered; the oldest are forgotten first. */
const capacity = 10_000;

/** Counts wrong passwords, so that nobody tries many. */
export class LoginFailures {
  readonly #failures = new Map<string, { count: number; since: number }>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #lanes = new Map<string, { running: number; waiting: (() => void)[] }>();

  /**
   * Runs a login, unless too many have failed; a Refusal that it throws counts. Logins of one account from one address run one
   * after the other: else all that come at once would be let through before the first is counted. Throws Refusal
   * TOOMANYREQUESTS, with the seconds to wait.
   */
  async attempt<T>(address: string, account: string, login: () => Promise<T>): Promise<T> {
    const network = networkOf(address);
    // However long the name is that somebody sends: so much memory and no more.
    const key = createHash('sha256').update(`${network} ${account}`).digest('base64');
    const mine = (this.#running.get(key) ?? Promise.resolve()).then(() => this.#run(network, key, login));
    const ended = mine.then(ignore, ignore);
    this.#running.set(key, ended);
    try {
      return await mine;
    } finally {
      if (this.#running.get(key) === ended) this.#running.delete(key);
    }
  }

  async #run<T>(address: string, key: string, login: () => Promise<T>): Promise<T> {
    const leave = await this.#enter(address);
    try {
      this.#check(key, most);
      this.#check(address, mostOfAddress);
      return await login();
    } catch (error) {
      // What was not looked at counts for nothing: else who asks on and on is never let in again.
      if (error instanceof Refusal && error.code !== 'TOOMANYREQUESTS') {
        // A program that goes on with an old password is one account, and keeps nobody else at its address out.
        if (!this.#isRunning(key)) this.#add(address);
        this.#add(key);
      }
      throw error;
    } finally {
      leave();
    }
  }

  /** Waits for one of the address's places; else all that come at once would be looked at before the first is counted. */
  async #enter(address: string): Promise<() => void> {
    const lane = this.#lanes.get(address) ?? { running: 0, waiting: [] };
    this.#lanes.set(address, lane);
    if (lane.running >= mostAtOnce) await new Promise<void>((resolve) => lane.waiting.push(resolve));
    else lane.running++;
    return () => {
      const next = lane.waiting.shift();
      if (next) return next();
      if (--lane.running === 0) this.#lanes.delete(address);
    };
  }

  #check(key: string, limit: number): void {
    const seen = this.#failures.get(key);
    if (seen === undefined || seen.count < limit) return;
    const wait = Math.ceil((seen.since + period - Date.now()) / 1000);
    if (wait <= 0) return void this.#failures.delete(key);
    throw new Refusal('TOOMANYREQUESTS', `too many wrong passwords: wait ${wait} seconds`, {
      headers: { 'retry-after': String(wait) },
    });
  }

  #isRunning(key: string): boolean {
    return (this.#failures.get(key)?.since ?? 0) > Date.now() - period;
  }

  #add(key: string): void {
    const seen = this.#isRunning(key) ? this.#failures.get(key) : undefined;
    this.#failures.delete(key);
    this.#failures.set(key, seen ? { ...seen, count: seen.count + 1 } : { count: 1, since: Date.now() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > capacity && oldest !== undefined) this.#failures.delete(oldest);
  }
}

/** Who has one address of IPv6 has a whole /64 of them (RFC 6177), and could guess from another each time. */
function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain) || plain.startsWith('::ffff:')) return address;
  const [head = '', tail] = plain.split('::');
  const [left, right] = [head, tail ?? ''].map((half) => (half === '' ? [] : half.split(':')));
  const zeros = tail === undefined ? 0 : 8 - (left?.length ?? 0) - (right?.length ?? 0);
  return [...(left ?? []), ...Array<string>(zeros).fill('0'), ...(right ?? [])].slice(0, 4).join(':');
}

function ignore(): void {}
