import { EngineError } from '../errors/index.ts';
import type { Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { readDocument } from './document.ts';
import { explainNetworkError } from './network-error.ts';
import { sendFollowing } from './redirect.ts';
import { refusal, type Subject } from './refusal.ts';
import type { Transport, TransportResponse } from './transport.ts';

/** A bearer token and when it stops being good, by `Date.now()`. */
export interface Token {
  readonly value: string;
  readonly expiresAt: number;
}

export interface TokenRequest {
  readonly challenge: Challenge;
  /** The scope asked for when the challenge names none. */
  readonly scope: string;
  /** Asked for in any case, in place of what the challenge says of the same repositories. */
  readonly scopes?: readonly string[] | undefined;
  readonly credentials: Credentials | undefined;
  /** The registry's own origin: a token service of an https registry must have https, too. */
  readonly origin: URL;
  readonly subject: Subject;
  readonly signal?: AbortSignal | undefined;
}

const maxTokenSize = 1024 * 1024;
/** Seconds a token lives when its service does not say (distribution's token specification). */
const defaultLifetime = 60;

/**
 * Gets a token from the service that a Bearer challenge names: by GET with a name and password or anonymously
 * (distribution, "Token Authentication"), or by POST with an identity token (its "OAuth2").
 * @throws EngineError ERR_REGISTRY_UNAUTHORIZED when the service rejects the credentials, ERR_REGISTRY_*; or Transient
 */
export async function fetchToken(transport: Transport, request: TokenRequest): Promise<Token> {
  const realm = readRealm(request);
  try {
    const response = await ask(transport, realm, request);
    if (response.status >= 400) throw await refuse(response, request);
    return readToken(response, await readDocument(response, maxTokenSize, 'a token'));
  } catch (cause) {
    throw explainNetworkError(cause, realm, transport.proxyOf(realm));
  }
}

function readRealm({ challenge, origin }: TokenRequest): URL {
  const realm = challenge.parameters.get('realm') ?? '';
  const url = URL.canParse(realm, origin.href) ? new URL(realm, origin.href) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw unusable(origin, `it names no token service (realm=${JSON.stringify(realm.slice(0, 200))})`);
  }
  if (origin.protocol === 'https:' && url.protocol === 'http:') {
    throw unusable(
      origin,
      `its token service ${url.host} has plain http, over which no credentials are sent`,
    );
  }
  return url;
}

function ask(transport: Transport, realm: URL, request: TokenRequest): Promise<TransportResponse> {
  const { challenge, credentials, signal } = request;
  const service = challenge.parameters.get('service');
  const scope = scopeOf(request);
  if (credentials?.type === 'identityToken') {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.token,
      client_id: 'strake',
      scope,
      ...(service !== undefined && { service }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return transport.send({ method: 'POST', url: realm, headers, body: body.toString(), signal });
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const one of scope.split(' ').filter(Boolean)) url.searchParams.append('scope', one);
  const headers: Record<string, string> = {};
  if (credentials?.type === 'password') {
    url.searchParams.set('account', credentials.username);
    headers.authorization = basicAuthorization(credentials);
  }
  return sendFollowing(transport, { method: 'GET', url, headers, signal });
}

function scopeOf({ challenge, scope, scopes = [] }: TokenRequest): string {
  const told = challenge.parameters.get('scope') || scope;
  if (scopes.length === 0) return told;
  const subjects = new Set(scopes.map(subjectOf));
  return [...scopes, ...told.split(' ').filter((one) => !subjects.has(subjectOf(one)))].join(' ');
}

/** `repository:name` of `repository:name:pull,push`. */
function subjectOf(scope: string): string {
  return scope.slice(0, scope.lastIndexOf(':'));
}

/** The Authorization header of a name and password (RFC 7617), in UTF-8. */
export function basicAuthorization(credentials: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

async function refuse(response: TransportResponse, { subject }: TokenRequest): Promise<unknown> {
  if (response.status === 401 && subject.credentials !== undefined) {
    return new EngineError(
      'ERR_REGISTRY_UNAUTHORIZED',
      `${response.url.host} rejects the credentials for ${subject.registry} from ${subject.credentials}: log in again with: docker login ${subject.registry === 'docker.io' ? '' : subject.registry}`.trimEnd(),
      { details: { host: response.url.host } },
    );
  }
  return refusal(response, subject);
}

function readToken(response: TransportResponse, bytes: Buffer): Token {
  const answer = parseObject(bytes);
  const value = [answer.token, answer.access_token].find((text) => typeof text === 'string' && text !== '');
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw unusable(response.url, 'it answered without a token');
  }
  const told = answer.expires_in;
  const lifetime = typeof told === 'number' && told > 0 ? told : defaultLifetime;
  return { value, expiresAt: Date.now() + lifetime * 1000 };
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(bytes.toString('utf8')));
  } catch {
    return {};
  }
}

function unusable(url: URL, reason: string): EngineError {
  return new EngineError('ERR_REGISTRY_RESPONSE', `${url.host} cannot be used: ${reason}`, {
    details: { host: url.host },
  });
}
