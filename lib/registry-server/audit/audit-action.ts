import type { AuditDocument } from '../api-documents.ts';
import type { RequestRecord } from '../request-record.ts';

/** What a request that changes something means; the first group of a path is what it is done to. */
const actions: readonly (readonly [method: string, path: RegExp, action: string])[] = [
  ['PUT', /^\/v2\/(.+\/manifests\/[^/]+)$/, 'push'],
  ['DELETE', /^\/v2\/(.+\/(?:manifests|blobs)\/[^/]+)$/, 'delete'],
  ['DELETE', /^\/api\/v1\/repositories\/(.+\/manifests\/[^/]+)$/, 'delete'],
  ['PUT', /^\/api\/v1\/users\/([^/]+)$/, 'user'],
  ['DELETE', /^\/api\/v1\/users\/([^/]+)$/, 'remove user'],
  ['PUT', /^\/api\/v1\/robots\/([^/]+)$/, 'robot'],
  ['DELETE', /^\/api\/v1\/robots\/([^/]+)$/, 'remove robot'],
  ['PUT', /^\/api\/v1\/grants$/, 'grant'],
  ['DELETE', /^\/api\/v1\/grants$/, 'remove grant'],
  ['POST', /^\/api\/v1\/runs$/, 'run'],
];

/** Characters of a target: what is refused may be named anyhow. */
const longest = 500;

/**
 * A request as the audit log has it; undefined for what changes nothing, and for the parts of a push, which are nothing before
 * their manifest. Of refusals those count that say that somebody may not (403); who has
 * shown nothing of himself writes nothing here, or could fill it until all else is forgotten.
 */
export function auditOf(record: RequestRecord): AuditDocument | undefined {
  const { time, method, status, by, address, subject } = record;
  if (status >= 400 && (status !== 403 || by === '' || by === 'anonymous')) return undefined;
  const path = unescaped(record.path);
  for (const [verb, pattern, action] of actions) {
    const match = verb === method ? pattern.exec(path) : null;
    if (match === null) continue;
    const target = (subject ?? targetOf(match[1] ?? '')).slice(0, longest);
    return { time, action, target, by, address, status };
  }
  return undefined;
}

/** `team/app:v1` and `team/app@sha256:…` */
function targetOf(path: string): string {
  const [, name, , reference = ''] = /^(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
  return name === undefined ? path : `${name}${reference.includes(':') ? '@' : ':'}${reference}`;
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
