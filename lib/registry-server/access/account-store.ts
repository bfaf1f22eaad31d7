import { createHash } from 'node:crypto';
import { EngineError } from '../../errors/index.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { parseRole, parseScope, type Role } from './role.ts';

export interface User {
  readonly name: string;
  /** As `hashPassword` makes it. */
  readonly password: string;
  readonly groups: readonly string[];
  readonly isAdmin: boolean;
  readonly createdAt: string;
}

/** A program's account. Its name begins with `robot$`, so it is nobody's else. */
export interface Robot {
  readonly name: string;
  /** sha256 of its secret, which is 32 random bytes and so needs no slow hash. */
  readonly secret: string;
  readonly createdAt: string;
  /** From then on it is refused. */
  readonly expiresAt?: string;
}

/** That somebody may do something with some repositories. */
export interface Grant {
  /** `user:alice`, `group:dev`, `robot:ci`, `users` (whoever has logged in) or `anonymous` (everybody). */
  readonly to: string;
  /** See `parseScope`. */
  readonly scope: string;
  readonly role: Role;
}

export const robotPrefix = 'robot$';

/**
 * Accounts and grants in a registry's storage, so that all processes that serve it see the same:
 *
 *     access/users/NAME   access/robots/NAME   access/grants/HASH
 *
 * The command line and the API change them here while servers run; these see it within a second.
 */
export class AccountStore {
  readonly #storage: RegistryStorage;

  constructor(storage: RegistryStorage) {
    this.#storage = storage;
  }

  user(name: string): Promise<User | undefined> {
    return isAccountName(name) ? this.#read<User>(`users/${name}`) : Promise.resolve(undefined);
  }

  robot(name: string): Promise<Robot | undefined> {
    const plain = name.startsWith(robotPrefix) ? name.slice(robotPrefix.length) : name;
    return isAccountName(plain) ? this.#read<Robot>(`robots/${plain}`) : Promise.resolve(undefined);
  }

  /** ERR_ACCOUNT_INVALID */
  async putUser(user: User): Promise<void> {
    for (const name of [user.name, ...user.groups]) requireAccountName(name);
    await this.#write(`users/${user.name}`, user);
  }

  /** ERR_ACCOUNT_INVALID */
  async putRobot(robot: Robot): Promise<void> {
    await this.#write(`robots/${requireAccountName(robot.name)}`, robot);
  }

  /** In place of the one that there is for the same and the same scope. ERR_ACCOUNT_INVALID */
  async putGrant({ to, scope, role }: Grant): Promise<void> {
    const grant = { to: parseGrantee(to), scope: parseScope(scope), role: parseRole(role) };
    await this.#write(`grants/${grantId(grant)}`, grant);
  }

  /** With their grants. ERR_ACCOUNT_NOT_FOUND */
  removeUser(name: string): Promise<void> {
    return this.#removeAccount('users', name, `user:${name}`);
  }

  /** With its grants. ERR_ACCOUNT_NOT_FOUND */
  removeRobot(name: string): Promise<void> {
    return this.#removeAccount('robots', name, `robot:${name}`);
  }

  /** ERR_ACCOUNT_NOT_FOUND */
  async removeGrant(grant: Pick<Grant, 'to' | 'scope'>): Promise<void> {
    if (await this.#storage.remove(`access/grants/${grantId(grant)}`)) return;
    throw missing(`grant to ${grant.to} for ${grant.scope}`);
  }

  users(): Promise<User[]> {
    return this.#list<User>('users');
  }

  async hasUsers(): Promise<boolean> {
    return (await this.#storage.list('access/users', { limit: 1 })).length > 0;
  }

  robots(): Promise<Robot[]> {
    return this.#list<Robot>('robots');
  }

  grants(): Promise<Grant[]> {
    return this.#list<Grant>('grants');
  }

  async #removeAccount(folder: string, name: string, grantee: string): Promise<void> {
    const isGone = isAccountName(name) && (await this.#storage.remove(`access/${folder}/${name}`));
    if (!isGone) throw missing(`${folder.slice(0, -1)} ${name}`);
    for (const grant of await this.grants()) if (grant.to === grantee) await this.removeGrant(grant);
  }

  async #read<T>(key: string): Promise<T | undefined> {
    const bytes = await this.#storage.read(`access/${key}`);
    return bytes && (JSON.parse(bytes.toString()) as T);
  }

  #write(key: string, document: unknown): Promise<void> {
    return this.#storage.write(`access/${key}`, JSON.stringify(document));
  }

  async #list<T>(folder: string): Promise<T[]> {
    const names = await this.#storage.list(`access/${folder}`);
    const all = await Promise.all(names.map((name) => this.#read<T>(`${folder}/${name}`)));
    return all.filter((one) => one !== undefined);
  }
}

/** Letters, digits and `._@-`, at most 100: so it may be a file's name, and stands in a Basic header. */
export function isAccountName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/.test(text);
}

/** ERR_ACCOUNT_INVALID */
export function requireAccountName(text: string): string {
  if (isAccountName(text)) return text;
  throw new EngineError(
    'ERR_ACCOUNT_INVALID',
    `${JSON.stringify(text)} is no account's name: letters, digits, ".", "_", "@" and "-", at most 100`,
  );
}

function parseGrantee(text: string): string {
  const [kind = '', name] = text.split(/:(.*)/s);
  if (name === undefined && (kind === 'users' || kind === 'anonymous')) return text;
  if (['user', 'group', 'robot'].includes(kind)) return `${kind}:${requireAccountName(name ?? '')}`;
  throw new EngineError(
    'ERR_ACCOUNT_INVALID',
    `nothing can be granted to ${JSON.stringify(text)}: write user:NAME, group:NAME, robot:NAME, users or anonymous`,
  );
}

function grantId({ to, scope }: Pick<Grant, 'to' | 'scope'>): string {
  return createHash('sha256').update(`${to}\n${scope}`).digest('hex').slice(0, 32);
}

function missing(what: string): EngineError {
  return new EngineError('ERR_ACCOUNT_NOT_FOUND', `there is no ${what}`, { details: { what } });
}
