import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** Milliseconds for which a login by the page lasts. */
export const sessionLife = 12 * 3600_000;
/** Sessions of one user; of more the oldest ends. */
const mostOfOne = 20;

const folder = 'access/sessions';

/** A login by the page. */
export interface Session {
  /** The user's name. */
  readonly name: string;
  /** What the page must send back with whatever changes something: another site's page cannot read it. */
  readonly csrfToken: string;
  /** Stands for the password with which it was begun: see `Accounts.proofOf`. */
  readonly proof: string;
  /** Milliseconds of the epoch. */
  readonly expiresAt: number;
}

/**
 * Sessions in a registry's storage, so that all processes that serve it know them and any of them can end one: `access/sessions/HASH`,
 * by the hash of an id that only the browser has.
 */
export class Sessions {
  readonly #storage: RegistryStorage;

  constructor(storage: RegistryStorage) {
    this.#storage = storage;
  }

  /** Begins one, and removes those that are over. The id is for the browser's cookie. */
  async begin(name: string, proof: string): Promise<{ readonly id: string; readonly session: Session }> {
    await this.#sweep(name);
    const [id, csrfToken] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')];
    const session: Session = { name, csrfToken, proof, expiresAt: Date.now() + sessionLife };
    await this.#storage.write(keyOf(id), JSON.stringify(session));
    return { id, session };
  }

  async find(id: string): Promise<Session | undefined> {
    const session = await this.#read(keyOf(id));
    return session && session.expiresAt > Date.now() ? session : undefined;
  }

  async end(id: string): Promise<void> {
    await this.#storage.remove(keyOf(id));
  }

  async #read(key: string): Promise<Session | undefined> {
    const bytes = await this.#storage.read(key);
    return bytes && (JSON.parse(bytes.toString()) as Session);
  }

  async #sweep(name: string): Promise<void> {
    const mine: { readonly key: string; readonly expiresAt: number }[] = [];
    for (const hash of await this.#storage.list(folder)) {
      const key = `${folder}/${hash}`;
      const session = await this.#read(key);
      if (session === undefined || session.expiresAt <= Date.now()) await this.#storage.remove(key);
      else if (session.name === name) mine.push({ key, expiresAt: session.expiresAt });
    }
    mine.sort((a, b) => b.expiresAt - a.expiresAt);
    for (const { key } of mine.slice(mostOfOne - 1)) await this.#storage.remove(key);
  }
}

/** Takes as long for every token of the right length. */
export function isCsrfToken(session: Session, given: string | string[] | undefined): boolean {
  const [actual, expected] = [Buffer.from(String(given ?? '')), Buffer.from(session.csrfToken)];
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function keyOf(id: string): string {
  return `${folder}/${createHash('sha256').update(id).digest('hex')}`;
}
