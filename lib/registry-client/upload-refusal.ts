import { EngineError, type ErrorCode } from '../errors/index.ts';
import { Transient } from './network-error.ts';
import {
  loginHint,
  quoteTold,
  rateLimited,
  readErrors,
  type Subject,
  type Told,
  transientStatus,
} from './refusal.ts';
import { parseRetryAfter } from './retry.ts';
import type { TransportResponse } from './transport.ts';

/** `refusal` in the words of a push: makes the error that a status of 400 and more means when something is sent. */
export async function uploadRefusal(
  response: TransportResponse,
  subject: Subject,
): Promise<EngineError | Transient> {
  const told = await readErrors(response);
  const [code, message] = explain(response, subject, told);
  const error = new EngineError(code, message + quoteTold(told), {
    cause: subject.credentialsError,
    details: { status: response.status, host: response.url.host, subject: subject.name, errors: told },
  });
  if (code === 'ERR_REGISTRY_QUOTA' || !transientStatus.has(response.status)) return error;
  return new Transient(error, parseRetryAfter(response.headers['retry-after']));
}

function explain(response: TransportResponse, subject: Subject, told: readonly Told[]): [ErrorCode, string] {
  const { status, url } = response;
  const { name, registry } = subject;
  if (isImmutable(subject, status, told)) {
    return [
      'ERR_TAG_IMMUTABLE',
      `${name} exists already, and ${registry} lets no tag be replaced: choose another tag`,
    ];
  }
  if (status === 413 || status === 507 || /quota|insufficient storage/i.test(textOf(told))) {
    return [
      'ERR_REGISTRY_QUOTA',
      `${registry} has no room for ${name}: ask who runs it for a larger quota or limit`,
    ];
  }
  switch (status) {
    case 401:
      return [
        'ERR_REGISTRY_UNAUTHORIZED',
        `pushing ${name} needs an account that may write there${loginHint(subject)}`,
      ];
    case 403:
      return ['ERR_REGISTRY_DENIED', `${url.host} does not let ${name} be pushed${loginHint(subject)}`];
    case 404:
      return unknown(subject, told);
    case 405:
      return [
        'ERR_REGISTRY_DENIED',
        `${registry} takes nothing: it is read-only, or a mirror; push to another registry`,
      ];
    case 429:
      return ['ERR_REGISTRY_RATE_LIMITED', rateLimited(response, subject)];
    default:
      return other(response, subject);
  }
}

function unknown({ name, registry }: Subject, told: readonly Told[]): [ErrorCode, string] {
  if (told.some(({ code }) => code === 'BLOB_UPLOAD_UNKNOWN')) {
    return ['ERR_UPLOAD_INTERRUPTED', `${registry} has given up the upload of ${name}: push again`];
  }
  return [
    'ERR_REPOSITORY_NOT_FOUND',
    `${name} cannot be pushed: ${registry} has no such repository and makes none; make it there first, or check the spelling`,
  ];
}

function other({ status, url }: TransportResponse, { name }: Subject): [ErrorCode, string] {
  const code = status < 500 ? 'ERR_UPLOAD_REFUSED' : 'ERR_REGISTRY_RESPONSE';
  return [code, `${url.host} answered ${status} when ${name} was pushed`];
}

/** Harbor answers 412, ECR 400, others 403 or 409; only their words are alike. */
function isImmutable({ kind }: Subject, status: number, told: readonly Told[]): boolean {
  return (
    kind === 'manifest' &&
    [400, 403, 409, 412].includes(status) &&
    /immutab|cannot be (overwritten|overridden)|tag.{0,40}already exists/i.test(textOf(told))
  );
}

function textOf(told: readonly Told[]): string {
  return told.map(({ code, message }) => `${code} ${message}`).join('\n');
}
