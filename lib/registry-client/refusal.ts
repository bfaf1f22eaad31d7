import { EngineError, type ErrorCode } from '../errors/index.ts';
import { readDocument } from './document.ts';
import { Transient } from './network-error.ts';
import { parseRetryAfter } from './retry.ts';
import type { TransportResponse } from './transport.ts';

/** What was asked for, for errors. */
export interface Subject {
  /** `docker.io/library/debian:12`, or a blob's digest and repository. */
  readonly name: string;
  readonly kind: 'manifest' | 'blob';
  /** The registry as people write it; `docker login` takes this. */
  readonly registry: string;
  /** Where the credentials came from that were shown, if any. */
  readonly credentials?: string | undefined;
  /** Why stored credentials could not be shown. */
  readonly credentialsError?: EngineError | undefined;
}

export const transientStatus: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const maxErrorBody = 64 * 1024;

/** Makes the error that a response of status 400 and more means; `Transient` where a later attempt may do better. */
export async function refusal(
  response: TransportResponse,
  subject: Subject,
): Promise<EngineError | Transient> {
  const told = await readErrors(response);
  const error = explainStatus(response, subject, told);
  if (!transientStatus.has(response.status) || isSpentQuota(told)) return error;
  return new Transient(error, parseRetryAfter(response.headers['retry-after']));
}

/** An entry of the distribution-spec's error document: a code such as MANIFEST_UNKNOWN, and free text. */
export interface Told {
  readonly code: string;
  readonly message: string;
}

function explainStatus(response: TransportResponse, subject: Subject, told: readonly Told[]): EngineError {
  const { status, url } = response;
  const details = { status, host: url.host, subject: subject.name, errors: told };
  const error = (code: ErrorCode, message: string) =>
    new EngineError(code, message + quoteTold(told), { details, cause: subject.credentialsError });
  switch (status) {
    case 404:
      return error(
        subject.kind === 'manifest' ? 'ERR_MANIFEST_NOT_FOUND' : 'ERR_BLOB_NOT_FOUND',
        missing(subject, told),
      );
    case 401:
      return error('ERR_REGISTRY_UNAUTHORIZED', unauthorized(subject));
    case 403:
      return error(
        'ERR_REGISTRY_DENIED',
        `${url.host} denies access to ${subject.name}${loginHint(subject)}`,
      );
    case 429:
      return error('ERR_REGISTRY_RATE_LIMITED', rateLimited(response, subject));
    default:
      return error('ERR_REGISTRY_RESPONSE', `${url.host} answered ${status} when asked for ${subject.name}`);
  }
}

function missing(subject: Subject, told: readonly Told[]): string {
  const repository = told.some(({ code }) => code === 'NAME_UNKNOWN');
  if (subject.kind === 'blob') return `${subject.name} is not in ${subject.registry}`;
  return repository
    ? `${subject.name} was not found: ${subject.registry} has no such repository; check the spelling${loginHint(subject)}`
    : `${subject.name} was not found: ${subject.registry} has no such tag or digest in that repository`;
}

function unauthorized(subject: Subject): string {
  if (subject.credentials !== undefined) {
    return `${subject.registry} does not let the account from ${subject.credentials} have ${subject.name}: check the spelling, or log in again with: docker login ${loginName(subject)}`.trimEnd();
  }
  return `${subject.name} does not exist, or may not be had without logging in; check the spelling${loginHint(subject)}`;
}

/** What to do for an account that may do more. */
export function loginHint(subject: Subject): string {
  if (subject.credentialsError !== undefined) return ` (${subject.credentialsError.message})`;
  const how = `docker login ${loginName(subject)}`.trimEnd();
  return subject.credentials === undefined
    ? `, or log in with: ${how}`
    : ` to the account from ${subject.credentials}`;
}

function loginName({ registry }: Subject): string {
  return registry === 'docker.io' ? '' : registry;
}

/** The message of a 429: whose limit it is, and every way to have more. */
export function rateLimited({ headers }: TransportResponse, subject: Subject): string {
  const after = parseRetryAfter(headers['retry-after']);
  const wait = after === undefined ? 'wait' : `wait ${Math.ceil(after / 1000)} s`;
  const login =
    subject.credentials === undefined ? `log in (docker login ${loginName(subject)}`.trimEnd() : '';
  const ways = [
    wait,
    login && `${login})`,
    `name a mirror for ${subject.registry} in /etc/strake/config.json`,
  ];
  const whose =
    subject.registry === 'docker.io'
      ? "Docker Hub's pull rate limit"
      : `the rate limit of ${subject.registry}`;
  const who = subject.credentials === undefined ? 'this address' : 'this account';
  return `${whose} is used up for ${who}: ${ways.filter(Boolean).join(', or ')}`;
}

/** Docker Hub counts pulls over hours: asking again at once does not help. */
function isSpentQuota(told: readonly Told[]): boolean {
  return told.some(({ code, message }) => code === 'TOOMANYREQUESTS' && /pull rate limit/i.test(message));
}

/** What a refusal's body says; nothing when it cannot be read. */
export async function readErrors(response: TransportResponse): Promise<Told[]> {
  try {
    const document: unknown = JSON.parse(
      (await readDocument(response, maxErrorBody, 'an error')).toString('utf8'),
    );
    const { errors } = Object(document) as { errors?: unknown };
    return Array.isArray(errors) ? errors.slice(0, 10).map(readTold) : [];
  } catch {
    return [];
  }
}

function readTold(entry: unknown): Told {
  const { code, message } = Object(entry) as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === 'string' ? printable(value.slice(0, 300)) : '');
  return { code: text(code), message: text(message) };
}

/** ` (it says: …)`, or nothing. */
export function quoteTold(told: readonly Told[]): string {
  const text = told.map(({ code, message }) => message || code).filter(Boolean);
  return text.length === 0 ? '' : ` (it says: ${text.join('; ').slice(0, 600)})`;
}

/** A registry's words go to a terminal: no control characters. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').trim();
}
