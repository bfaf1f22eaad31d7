import { type EngineError, isEngineError } from '../errors/index.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import type { Subject } from './refusal.ts';
import { basicAuthorization, fetchToken, type Token } from './token.ts';
import type { Transport } from './transport.ts';

/** What the authorizer of one host is made of. */
export interface AuthorizerOptions {
  readonly transport: Transport;
  /** The scope of every request: pulling from one repository. */
  readonly scope: string;
  /** Asked for in any case, in place of what a challenge says of the same repositories. */
  readonly scopes?: readonly string[];
  /** Looked up once, when the host first asks for them. */
  readonly credentials: () => Promise<Credentials | undefined>;
}

/** Milliseconds before its end at which a token counts as used up, since a request takes time and clocks differ. */
const margin = 10_000;

/** A host's refusal, to be answered. */
export interface Refused {
  /** WWW-Authenticate */
  readonly header: string;
  readonly origin: URL;
  /** The Authorization header that was refused. */
  readonly tried: string | undefined;
  readonly subject: Subject;
}

/**
 * Knows what to show one host. `current` is what is shown unasked; after a 401 `answer` finds out what the host wants.
 * Stored credentials that cannot be used do not stop an anonymous pull: they are told when that is refused, too.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  #credentials: Promise<Credentials | undefined> | undefined;
  #credentialsError: EngineError | undefined;
  #shown: Credentials | undefined;
  #token: Token | undefined;
  #basic: string | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The Authorization header to send without being asked, if any. */
  current(): string | undefined {
    if (this.#token !== undefined && Date.now() < this.#token.expiresAt) return `Bearer ${this.#token.value}`;
    return this.#basic;
  }

  /** For errors: whose credentials were shown, or why there are none. */
  describe(): Pick<Subject, 'credentials' | 'credentialsError'> {
    return { credentials: this.#shown?.source, credentialsError: this.#credentialsError };
  }

  /**
   * The header that answers a 401, or undefined when there is nothing (else) to show. One at a time, so that requests
   * refused together share the first one's token.
   * @throws EngineError ERR_REGISTRY_UNAUTHORIZED, ERR_REGISTRY_*; or Transient
   */
  answer(refused: Refused, signal?: AbortSignal): Promise<string | undefined> {
    const answered = this.#turn.then(() => this.#answer(refused, signal));
    this.#turn = answered.catch(() => undefined);
    return answered;
  }

  async #answer(refused: Refused, signal: AbortSignal | undefined): Promise<string | undefined> {
    const current = this.current();
    if (current !== undefined && current !== refused.tried) return current;
    const challenges = parseChallenges(refused.header);
    this.#shown = await this.#lookUp();
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      this.#token = await this.#getToken(bearer, refused, signal);
    } else if (challenges.some(({ scheme }) => scheme === 'basic') && this.#shown?.type === 'password') {
      this.#basic = basicAuthorization(this.#shown);
    }
    const found = bearer !== undefined ? `Bearer ${this.#token?.value}` : this.#basic;
    return found === refused.tried ? undefined : found;
  }

  async #getToken(challenge: Challenge, refused: Refused, signal: AbortSignal | undefined): Promise<Token> {
    const credentials = this.#shown;
    if (credentials?.type === 'registryToken') {
      return { value: credentials.token, expiresAt: Number.POSITIVE_INFINITY };
    }
    const { transport, scope, scopes } = this.#options;
    const subject = { ...refused.subject, ...this.describe() };
    const { origin } = refused;
    const token = await fetchToken(transport, {
      challenge,
      scope,
      scopes,
      credentials,
      origin,
      subject,
      signal,
    });
    return { ...token, expiresAt: token.expiresAt - margin };
  }

  async #lookUp(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#options.credentials();
    try {
      return await this.#credentials;
    } catch (error) {
      if (!isEngineError(error, 'ERR_CREDENTIALS_INVALID')) throw error;
      this.#credentialsError = error;
      return undefined;
    }
  }
}
