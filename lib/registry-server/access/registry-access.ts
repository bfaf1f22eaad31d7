import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { AuditDocument } from '../api-documents.ts';
import { Refusal } from '../refusal.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import type { Access, Identity, Need } from './access.ts';
import { AccountStore } from './account-store.ts';
import { Accounts } from './accounts.ts';
import { HtpasswdFile } from './htpasswd.ts';
import { LoginFailures } from './login-failures.ts';
import { isSafeMethod, originOf } from './origin.ts';
import { allows, type Role } from './role.ts';
import { sessionIdOf } from './session-cookie.ts';
import { isCsrfToken, type Session, Sessions } from './sessions.ts';
import { TokenKeys } from './token-keys.ts';
import { type OutsideIssuer, Tokens } from './tokens.ts';

export interface AccessOptions {
  /** What everybody may do everywhere: `none` by default. */
  readonly anonymous?: Role;
  /** What every user may do everywhere: `none` by default. Grants add to it. */
  readonly users?: Role;
  /** Path of a file of htpasswd(1). */
  readonly htpasswd?: string;
  readonly issuer?: OutsideIssuer;
}

/** The name by which tokens are for this registry. */
const service = 'strake-registry';

/**
 * Who may do what, by the accounts in a registry's storage: who shows a name and a password (Basic), a token (Bearer), or a
 * certificate with a user's name.
 */
export class RegistryAccess implements Access {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  /** Told of who has logged in to the page, and of who could not log in at all. */
  onLogin: (entry: AuditDocument) => void = () => undefined;
  readonly #failures = new LoginFailures();
  readonly #issuer: OutsideIssuer | undefined;
  readonly #anonymous: Role;

  constructor(storage: RegistryStorage, options: AccessOptions = {}) {
    const { anonymous = 'none', users = 'none', htpasswd, issuer } = options;
    const file = htpasswd === undefined ? undefined : new HtpasswdFile(htpasswd);
    this.accounts = new Accounts(new AccountStore(storage), { anonymous, users }, file);
    this.tokens = new Tokens(new TokenKeys(storage), service, issuer);
    this.sessions = new Sessions(storage);
    this.#issuer = issuer;
    this.#anonymous = anonymous;
  }

  get mustLogin(): boolean {
    return !allows(this.#anonymous, 'delete');
  }

  async identify(request: IncomingMessage): Promise<Identity> {
    const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(/ +(.*)/s);
    switch (scheme.toLowerCase()) {
      case '':
        return (
          (await this.#bySession(request)) ?? (await this.#certified(request)) ?? this.accounts.anonymous()
        );
      case 'basic':
        return this.#challenged(request, this.login(request, value));
      case 'bearer':
        return this.#challenged(request, this.#byToken(value));
      default:
        throw new Refusal('UNAUTHORIZED', `${scheme.slice(0, 30)} is no way to log in here`, {
          headers: this.challenge(request, []),
        });
    }
  }

  /** By what stands in a Basic header. Throws Refusal UNAUTHORIZED, TOOMANYREQUESTS. */
  login(request: IncomingMessage, encoded: string): Promise<Identity> {
    const [name = '', password = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(/:(.*)/s);
    return this.loginAs(request, name, password);
  }

  /** As login() does. */
  async loginAs(request: IncomingMessage, name: string, password: string): Promise<Identity> {
    const address = request.socket.remoteAddress ?? '';
    try {
      return await this.#failures.attempt(address, name, () => this.accounts.login(name, password));
    } catch (error) {
      // What is not even looked at is not told of: there is no end to it.
      if (error instanceof Refusal && error.code === 'UNAUTHORIZED')
        this.onLogin(loginEntry(request, name, error.status));
      throw error;
    }
  }

  /** The session that a request shows, as long as its user has the password with which it was begun. */
  async session(request: IncomingMessage): Promise<Session | undefined> {
    const id = sessionIdOf(request);
    const session = id === undefined ? undefined : await this.sessions.find(id);
    if (session === undefined) return undefined;
    return (await this.accounts.proofOf(session.name)) === session.proof ? session : undefined;
  }

  challenge(request: IncomingMessage, needs: readonly Need[]): OutgoingHttpHeaders {
    const issuer = this.#issuer;
    const realm = issuer?.realm ?? `${originOf(request)}/token`;
    const scopes = needs.map(({ repository, action }) => `repository:${repository}:${scopeActions(action)}`);
    const scope = scopes.length > 0 ? `,scope="${scopes.join(' ')}"` : '';
    return { 'www-authenticate': `Bearer realm="${realm}",service="${issuer?.audience ?? service}"${scope}` };
  }

  /** A token allows what stands in it and no more; that it may list repositories, those that its owner sees. */
  async #byToken(token: string): Promise<Identity> {
    const { subject, access } = await this.tokens.verify(token);
    const has = (kind: string, name: string, action: string) =>
      access.some((one) => one.type === kind && one.name === name && matches(one.actions, action));
    const owner = has('registry', 'catalog', '*') ? await this.accounts.named(subject) : undefined;
    const may = (repository: string, action: string) => has('repository', repository, action);
    const sees: Identity['sees'] = (repository) =>
      may(repository, 'pull') || owner?.sees(repository) === true;
    return { name: subject, by: 'token', isAdmin: false, may, sees };
  }

  /** For the API alone. Throws Refusal DENIED for what changes something without the token that only the page knows. */
  async #bySession(request: IncomingMessage): Promise<Identity | undefined> {
    if (!request.url?.startsWith('/api/')) return undefined;
    const session = await this.session(request);
    const identity = session && (await this.accounts.named(session.name));
    if (session === undefined || identity === undefined) return undefined;
    if (!isSafeMethod(request.method) && !isCsrfToken(session, request.headers['x-csrf-token']))
      throw new Refusal('DENIED', 'X-CSRF-Token is not that of the session: GET /api/v1/session says it');
    return { ...identity, by: 'session' };
  }

  async #certified({ socket }: IncomingMessage): Promise<Identity | undefined> {
    const tls = socket as TLSSocket;
    if (!tls.encrypted || !tls.authorized) return undefined;
    const { subject } = tls.getPeerCertificate();
    return typeof subject?.CN === 'string' ? this.accounts.certified(subject.CN) : undefined;
  }

  async #challenged(request: IncomingMessage, identity: Promise<Identity>): Promise<Identity> {
    try {
      return await identity;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'UNAUTHORIZED') throw error;
      throw new Refusal('UNAUTHORIZED', error.message, {
        headers: this.challenge(request, []),
        cause: error,
      });
    }
  }
}

function matches(actions: readonly string[], action: string): boolean {
  return actions.includes(action) || actions.includes('*');
}

/** Who pushes pulls as well, and Docker asks for both. */
function scopeActions(action: Need['action']): string {
  return action === 'push' ? 'pull,push' : action;
}

/** That somebody has logged in, or could not: for the audit log. */
export function loginEntry(request: IncomingMessage, name: string, status: number): AuditDocument {
  const address = request.socket.remoteAddress ?? '';
  const time = new Date().toISOString();
  return { time, action: 'login', target: name.slice(0, 100), by: name.slice(0, 100), address, status };
}
