import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Refusal } from '../refusal.ts';
import type { RepositoryName } from '../repository-name.ts';
import type { Identity } from './access.ts';
import { type AccountStore, type Grant, isAccountName, robotPrefix } from './account-store.ts';
import type { HtpasswdFile } from './htpasswd.ts';
import { hashPassword, isSecret, verifyPassword } from './password.ts';
import { allows, isWithin, type Role } from './role.ts';

/** How long grants and passwords that were right are believed without looking again, in milliseconds. */
const freshness = 1000;
const passwordFreshness = 60_000;

/** What everybody, and every user, may do everywhere, whatever the grants say. */
export interface BaseRoles {
  readonly anonymous: Role;
  readonly users: Role;
}

/**
 * Who there is, and what they may do: users and robots of the store, and users of an htpasswd file. A name that is in both is
 * the store's.
 */
export class Accounts {
  readonly #store: AccountStore;
  readonly #htpasswd: HtpasswdFile | undefined;
  readonly #base: BaseRoles;
  #grants: Promise<Grant[]> | undefined;
  #grantsAt = 0;
  /** Passwords that were right lately: as a MAC with a key that nobody else has. */
  readonly #right = new Map<string, number>();
  readonly #macKey = randomBytes(32);
  #dummy: Promise<string> | undefined;

  constructor(store: AccountStore, base: BaseRoles, htpasswd?: HtpasswdFile) {
    this.#store = store;
    this.#base = base;
    this.#htpasswd = htpasswd;
  }

  async anonymous(): Promise<Identity> {
    return this.#identity('anonymous', 'nothing', ['anonymous'], false);
  }

  /** Throws Refusal UNAUTHORIZED, the same for a name that there is not as for a wrong password. */
  async login(name: string, password: string): Promise<Identity> {
    const found = name.startsWith(robotPrefix)
      ? await this.#loginRobot(name, password)
      : await this.#loginUser(name, password);
    if (found === undefined) throw new Refusal('UNAUTHORIZED', 'the name or the password is wrong');
    return found;
  }

  /** Somebody who showed a certificate with that name. */
  async certified(name: string): Promise<Identity | undefined> {
    const user = await this.#store.user(name);
    return user && this.#identity(name, 'certificate', granteesOf(name, user.groups), user.isAdmin);
  }

  /** Whoever has that name, with what he may do now: for who has shown it by a token. */
  async named(name: string): Promise<Identity | undefined> {
    if (name === 'anonymous') return this.anonymous();
    if (!name.startsWith(robotPrefix)) {
      const user = await this.#store.user(name);
      if (user === undefined && !(isAccountName(name) && (await this.#htpasswd?.hashOf(name))))
        return undefined;
      return this.#identity(name, 'token', granteesOf(name, user?.groups ?? []), user?.isAdmin ?? false);
    }
    const robot = await this.#store.robot(name);
    return robot && this.#identity(name, 'token', [`robot:${robot.name}`, 'anonymous'], false);
  }

  /** Stands for a user's password as it is now, without telling it: another one has another. Undefined: no such user. */
  async proofOf(name: string): Promise<string | undefined> {
    if (!isAccountName(name)) return undefined;
    const user = await this.#store.user(name);
    const secret = user ? `${user.password}\n${user.createdAt}` : await this.#htpasswd?.hashOf(name);
    return secret === undefined ? undefined : createHash('sha256').update(secret).digest('hex');
  }

  async #loginUser(name: string, password: string): Promise<Identity | undefined> {
    const user = await this.#store.user(name);
    const hash = user?.password ?? (isAccountName(name) ? await this.#htpasswd?.hashOf(name) : undefined);
    if (!(await this.#isRight(name, password, hash))) return undefined;
    return this.#identity(name, 'password', granteesOf(name, user?.groups ?? []), user?.isAdmin ?? false);
  }

  async #loginRobot(name: string, secret: string): Promise<Identity | undefined> {
    const robot = await this.#store.robot(name);
    if (robot === undefined || !isSecret(secret, robot.secret)) return undefined;
    if (robot.expiresAt !== undefined && Date.parse(robot.expiresAt) <= Date.now())
      throw new Refusal('UNAUTHORIZED', `${name} has expired: make a new one`);
    return this.#identity(name, 'password', [`robot:${robot.name}`, 'anonymous'], false);
  }

  /** For a name that there is not, as much is computed: the time tells nothing. */
  async #isRight(name: string, password: string, hash: string | undefined): Promise<boolean> {
    if (hash === undefined) return (await verifyPassword(password, await this.#dummyFor(name))) && false;
    const mac = createHmac('sha256', this.#macKey).update(`${name}\n${hash}\n${password}`).digest('base64');
    if ((this.#right.get(mac) ?? 0) > Date.now()) return true;
    if (!(await verifyPassword(password, hash))) return false;
    if (this.#right.size > 10_000) this.#right.clear();
    this.#right.set(mac, Date.now() + passwordFreshness);
    return true;
  }

  /**
   * What to compare with for a name that there is not. A file's hashes take another time than the store's: the name decides
   * which it is, always alike, so that each looks like somebody of one or the other.
   */
  async #dummyFor(name: string): Promise<string> {
    this.#dummy ??= hashPassword(randomBytes(16).toString('hex'));
    const ofFile = await this.#htpasswd?.anyHash();
    if (ofFile === undefined) return this.#dummy;
    const isOfFile = (createHmac('sha256', this.#macKey).update(name).digest()[0] ?? 0) % 2 === 0;
    return isOfFile || !(await this.#store.hasUsers()) ? ofFile : this.#dummy;
  }

  async #identity(
    name: string,
    by: Identity['by'],
    grantees: readonly string[],
    isAdmin: boolean,
  ): Promise<Identity> {
    const grants = (await this.#allGrants()).filter(({ to }) => grantees.includes(to));
    const base = grantees.includes('users')
      ? [this.#base.users, this.#base.anonymous]
      : [this.#base.anonymous];
    const may = (repository: RepositoryName, action: Parameters<Identity['may']>[1]) =>
      isAdmin ||
      base.some((role) => allows(role, action)) ||
      grants.some(({ scope, role }) => isWithin(scope, repository) && allows(role, action));
    return { name, by, isAdmin, may, sees: (repository) => may(repository, 'pull') };
  }

  #allGrants(): Promise<Grant[]> {
    if (this.#grants === undefined || this.#grantsAt < Date.now() - freshness) {
      this.#grantsAt = Date.now();
      this.#grants = this.#store.grants();
      this.#grants.catch(() => {
        this.#grants = undefined;
      });
    }
    return this.#grants;
  }
}

function granteesOf(name: string, groups: readonly string[]): string[] {
  return [`user:${name}`, ...groups.map((group) => `group:${group}`), 'users', 'anonymous'];
}
