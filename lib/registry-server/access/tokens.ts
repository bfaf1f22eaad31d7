import { readFile } from 'node:fs/promises';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
  SignJWT,
} from 'jose';
import { Refusal } from '../refusal.ts';
import type { TokenKeys } from './token-keys.ts';

/** What a token allows (Docker's token specification, "Token Response"). */
export interface TokenAccess {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

export interface TokenClaims {
  readonly subject: string;
  readonly access: readonly TokenAccess[];
}

/** Somebody else who signs tokens for this registry. */
export interface OutsideIssuer {
  /** Its `iss`. */
  readonly issuer: string;
  /** Its keys: a URL or a file, both of a JWK set (RFC 7517). */
  readonly jwks: string;
  /** The `aud` of tokens for this registry. */
  readonly audience: string;
  /** Where clients get one. */
  readonly realm: string;
}

/** Seconds. A push that takes longer asks again. */
export const tokenLife = 300;

const ownIssuer = 'strake-registry';
const outsideAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];

/**
 * Bearer tokens (JWT, RFC 7519): signed by the registry, or by the one outside issuer that it believes. A token is verified
 * with the keys of the issuer that it names and no others, so that nobody speaks for somebody else.
 */
export class Tokens {
  readonly #keys: TokenKeys;
  readonly #service: string;
  readonly #outside: OutsideIssuer | undefined;
  #outsideKeys: JWTVerifyGetKey | undefined;

  constructor(keys: TokenKeys, service: string, outside?: OutsideIssuer) {
    this.#keys = keys;
    this.#service = service;
    this.#outside = outside;
  }

  async sign({ subject, access }: TokenClaims): Promise<string> {
    const { id, key } = await this.#keys.signingKey();
    return new SignJWT({ access })
      .setProtectedHeader({ alg: 'EdDSA', kid: id, typ: 'JWT' })
      .setIssuer(ownIssuer)
      .setAudience(this.#service)
      .setSubject(subject)
      .setIssuedAt()
      .setNotBefore('-30s')
      .setExpirationTime(`${tokenLife}s`)
      .sign(key);
  }

  /** Throws Refusal UNAUTHORIZED. */
  async verify(token: string): Promise<TokenClaims> {
    try {
      const isOutside = this.#outside !== undefined && decodeJwt(token).iss === this.#outside.issuer;
      const payload = await (isOutside ? this.#verifyOutside(token) : this.#verifyOwn(token));
      return claimsOf(payload);
    } catch (cause) {
      throw new Refusal('UNAUTHORIZED', 'the token is not valid, or no longer: log in again', { cause });
    }
  }

  async #verifyOwn(token: string): Promise<JWTPayload> {
    const { kid = '' } = decodeProtectedHeader(token);
    const key = await this.#keys.verifyingKey(kid);
    if (key === undefined) throw new Error(`no key ${kid}`);
    const checks = { issuer: ownIssuer, audience: this.#service, algorithms: ['EdDSA'] };
    return (await jwtVerify(token, key, checks)).payload;
  }

  async #verifyOutside(token: string): Promise<JWTPayload> {
    const { issuer, audience, jwks } = this.#outside as OutsideIssuer;
    this.#outsideKeys ??= /^https?:/.test(jwks)
      ? createRemoteJWKSet(new URL(jwks))
      : createLocalJWKSet(JSON.parse(await readFile(jwks, 'utf8')));
    const checks = {
      issuer,
      audience,
      algorithms: outsideAlgorithms,
      requiredClaims: ['exp'],
      clockTolerance: 30,
    };
    return (await jwtVerify(token, this.#outsideKeys, checks)).payload;
  }
}

function claimsOf(payload: JWTPayload): TokenClaims {
  const access = Array.isArray(payload.access) ? (payload.access as unknown[]).filter(isAccess) : [];
  return { subject: payload.sub || 'token', access };
}

function isAccess(value: unknown): value is TokenAccess {
  const { type, name, actions } = (value ?? {}) as Partial<TokenAccess>;
  return typeof type === 'string' && typeof name === 'string' && Array.isArray(actions);
}
