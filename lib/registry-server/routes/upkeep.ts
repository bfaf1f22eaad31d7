import { isEngineError } from '../../errors/index.ts';
import type { AuditDocument, Listed, MirrorDocument, QuotaDocument } from '../api-documents.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Handler, replyJson } from '../exchange.ts';
import type { Runs } from '../maintenance/runs.ts';
import { mirroredBlobs, mirroredRepositories } from '../mirror/evict.ts';
import { Refusal } from '../refusal.ts';
import type { RegistrySettings } from '../settings.ts';
import { measure } from '../settings-policy.ts';
import { forAdmins } from './for-admins.ts';
import { badRequest, readObject } from './json-body.ts';
import { pageOf } from './repositories.ts';

/** What administrators ask about the registry's own upkeep. */
export function upkeepRoutes(
  { quotas = [] }: RegistrySettings,
  runs: Runs,
  audit: AuditLog,
): Readonly<Record<'quotas' | 'mirrors' | 'listRuns' | 'beginRun' | 'audit', Handler>> {
  return {
    /** `GET /api/v1/quotas` */
    quotas: forAdmins(async (exchange) => {
      const { storage } = exchange.registry;
      const used = await Promise.all(quotas.map(({ scope }) => measure(storage, scope)));
      const documents = quotas.map(
        ({ scope, bytes }, at): QuotaDocument => ({ scope, bytes, used: used[at] ?? 0 }),
      );
      replyJson(exchange, documents);
    }),
    /** `GET /api/v1/mirrors` */
    mirrors,
    /** `GET /api/v1/runs` */
    listRuns: forAdmins(async (exchange) => replyJson(exchange, await runs.list())),
    /** `POST /api/v1/runs` with `{"kind": "collect"}` or `"scrub"` */
    beginRun: forAdmins(async (exchange) => {
      const { kind } = await readObject(exchange);
      if (kind !== 'collect' && kind !== 'scrub') throw badRequest('kind must be collect or scrub');
      exchange.subject = kind;
      try {
        replyJson(exchange, await runs.begin(kind, exchange.identity.name), {}, 202);
      } catch (error) {
        if (!isEngineError(error, 'ERR_UPLOAD_BUSY')) throw error;
        throw new Refusal('UNAVAILABLE', error.message, { status: 409, cause: error });
      }
    }),
    /** `GET /api/v1/audit` */
    audit: forAdmins(async (exchange) => {
      const text = (exchange.query.get('q') ?? '').toLowerCase();
      const found = (await audit.list()).filter((entry) => text === '' || textOf(entry).includes(text));
      replyJson(exchange, {
        items: pageOf(exchange, found),
        total: found.length,
      } satisfies Listed<AuditDocument>);
    }),
  };
}

const mirrors = forAdmins(async (exchange) => {
  const { mirrors, storage } = exchange.registry;
  const documents = mirrors.settings.map(async (one): Promise<MirrorDocument> => {
    const { prefix, upstream, maxBytes, tagSeconds = 60 } = one;
    const blobs = await mirroredBlobs(storage, prefix);
    const { answeredAt, failedAt, failure, downloads } = mirrors.healthOf(one);
    return {
      prefix,
      upstream,
      repositories: (await mirroredRepositories(storage, prefix)).length,
      blobs: blobs.length,
      bytes: blobs.reduce((sum, { size }) => sum + size, 0),
      ...(maxBytes !== undefined && { maxBytes }),
      tagSeconds,
      downloads,
      ...(answeredAt !== undefined && { answeredAt: new Date(answeredAt).toISOString() }),
      ...(failedAt !== undefined && { failedAt: new Date(failedAt).toISOString() }),
      ...(failure !== undefined && { failure }),
    };
  });
  replyJson(exchange, await Promise.all(documents));
});

function textOf({ action, target, by, address }: AuditDocument): string {
  return `${action} ${target} ${by} ${address}`.toLowerCase();
}
