import { type Route, Router } from '../http/index.ts';
import type { RegistryAccess } from './access/registry-access.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Changes } from './changes.ts';
import type { Handler } from './exchange.ts';
import type { Runs } from './maintenance/runs.ts';
import type { Metrics } from './metrics.ts';
import { accountRoutes } from './routes/accounts.ts';
import { base } from './routes/base.ts';
import { deleteBlob, getBlob } from './routes/blobs.ts';
import { catalog } from './routes/catalog.ts';
import { eventsOf } from './routes/events.ts';
import { deleteManifest, getManifest, putManifest } from './routes/manifests.ts';
import { pageOf, root } from './routes/page.ts';
import { listReferrers } from './routes/referrers.ts';
import {
  getManifestDetail,
  getRepository,
  listRepositorySummaries,
  listTagSummaries,
} from './routes/repositories.ts';
import { sessionRoutes } from './routes/session.ts';
import { health, metricsOf, readiness } from './routes/status.ts';
import { listTags } from './routes/tags.ts';
import { getToken, postToken } from './routes/token.ts';
import { upkeepRoutes } from './routes/upkeep.ts';
import { beginUpload, deleteUpload, getUpload, patchUpload, putUpload } from './routes/uploads.ts';
import type { RegistrySettings } from './settings.ts';

const upload = /^\/v2\/(?<name>.+)\/blobs\/uploads\/(?<id>[^/]+)$/;
const blob = /^\/v2\/(?<name>.+)\/blobs\/(?<digest>[^/]+)$/;
const manifest = /^\/v2\/(?<name>.+)\/manifests\/(?<reference>[^/]+)$/;

/** The distribution-spec's endpoints (1.1, "Endpoints"). */
const table: readonly Route<Handler>[] = [
  { method: 'GET', pattern: /^\/v2\/?$/, handler: base },
  { method: 'GET', pattern: /^\/v2\/_catalog$/, handler: catalog },
  { method: 'POST', pattern: /^\/v2\/(?<name>.+)\/blobs\/uploads\/?$/, handler: beginUpload },
  { method: 'GET', pattern: upload, handler: getUpload },
  { method: 'PATCH', pattern: upload, handler: patchUpload },
  { method: 'PUT', pattern: upload, handler: putUpload },
  { method: 'DELETE', pattern: upload, handler: deleteUpload },
  { method: 'GET', pattern: blob, handler: getBlob },
  { method: 'DELETE', pattern: blob, handler: deleteBlob },
  { method: 'GET', pattern: manifest, handler: getManifest },
  { method: 'PUT', pattern: manifest, handler: putManifest },
  { method: 'DELETE', pattern: manifest, handler: deleteManifest },
  { method: 'GET', pattern: /^\/v2\/(?<name>.+)\/tags\/list$/, handler: listTags },
  { method: 'GET', pattern: /^\/v2\/(?<name>.+)\/referrers\/(?<digest>[^/]+)$/, handler: listReferrers },
];

/** Where tokens are asked for. */
export function tokenRoutes(access: RegistryAccess): Route<Handler>[] {
  const pattern = /^\/token$/;
  return [
    { method: 'GET', pattern, handler: getToken(access) },
    { method: 'POST', pattern, handler: postToken(access) },
  ];
}

/** Sessions of the page, and the page. `folder`: where it was built to. */
export function pageRoutes(access: RegistryAccess, folder?: string): Route<Handler>[] {
  const { get, post, delete: end } = sessionRoutes(access);
  const session = /^\/api\/v1\/session$/;
  return [
    { method: 'GET', pattern: session, handler: get },
    { method: 'POST', pattern: session, handler: post },
    { method: 'DELETE', pattern: session, handler: end },
    { method: 'GET', pattern: /^\/$/, handler: root },
    { method: 'GET', pattern: /^\/ui(?:\/(?<path>.*))?$/, handler: pageOf(folder) },
  ];
}

/** Upkeep, and what changes while somebody looks. */
export function upkeepTable(
  settings: RegistrySettings,
  runs: Runs,
  audit: AuditLog,
  changes: Changes,
): Route<Handler>[] {
  const routes = upkeepRoutes(settings, runs, audit);
  return [
    { method: 'GET', pattern: /^\/api\/v1\/quotas$/, handler: routes.quotas },
    { method: 'GET', pattern: /^\/api\/v1\/mirrors$/, handler: routes.mirrors },
    { method: 'GET', pattern: /^\/api\/v1\/runs$/, handler: routes.listRuns },
    { method: 'POST', pattern: /^\/api\/v1\/runs$/, handler: routes.beginRun },
    { method: 'GET', pattern: /^\/api\/v1\/audit$/, handler: routes.audit },
    { method: 'GET', pattern: /^\/api\/v1\/events$/, handler: eventsOf(changes) },
  ];
}

const repository = '/api/v1/repositories/(?<name>.+)';

/** What the registry has, as the page shows it. */
const repositoryRoutes: readonly Route<Handler>[] = [
  { method: 'GET', pattern: /^\/api\/v1\/repositories$/, handler: listRepositorySummaries },
  { method: 'GET', pattern: new RegExp(`^${repository}/tags$`), handler: listTagSummaries },
  {
    method: 'GET',
    pattern: new RegExp(`^${repository}/manifests/(?<reference>[^/]+)$`),
    handler: getManifestDetail,
  },
  {
    method: 'DELETE',
    pattern: new RegExp(`^${repository}/manifests/(?<reference>[^/]+)$`),
    handler: deleteManifest,
  },
  { method: 'GET', pattern: new RegExp(`^${repository}$`), handler: getRepository },
];

/** What is asked about the registry itself, and about who may use it. */
export function ownRoutes(metrics: Metrics, readers?: RegistrySettings['metrics']): Route<Handler>[] {
  const [users, robots, grants] = ['users', 'robots', 'grants'].map(
    (noun) => new RegExp(`^/api/v1/${noun}$`),
  );
  const [user, robot] = ['users', 'robots'].map((noun) => new RegExp(`^/api/v1/${noun}/(?<name>[^/]+)$`));
  const rows: readonly (readonly [string, RegExp | undefined, Handler])[] = [
    ['GET', /^\/healthz$/, health],
    ['GET', /^\/readyz$/, readiness],
    ['GET', /^\/metrics$/, metricsOf(metrics, readers)],
    ['GET', users, accountRoutes.listUsers],
    ['PUT', user, accountRoutes.putUser],
    ['DELETE', user, accountRoutes.deleteUser],
    ['GET', robots, accountRoutes.listRobots],
    ['PUT', robot, accountRoutes.putRobot],
    ['DELETE', robot, accountRoutes.deleteRobot],
    ['GET', grants, accountRoutes.listGrants],
    ['PUT', grants, accountRoutes.putGrant],
    ['DELETE', grants, accountRoutes.deleteGrant],
  ];
  return rows.flatMap(([method, pattern, handler]) => (pattern ? [{ method, pattern, handler }] : []));
}

/** With the routes of what else the registry offers. */
export function createRouter(more: readonly Route<Handler>[] = []): Router<Handler> {
  return new Router([...table, ...repositoryRoutes, ...more]);
}
