import { type Route, Router } from '../http/index.ts';
import type { RegistryAccess } from './access/registry-access.ts';
import type { Handler } from './exchange.ts';
import type { Metrics } from './metrics.ts';
import { accountRoutes } from './routes/accounts.ts';
import { base } from './routes/base.ts';
import { deleteBlob, getBlob } from './routes/blobs.ts';
import { catalog } from './routes/catalog.ts';
import { deleteManifest, getManifest, putManifest } from './routes/manifests.ts';
import { listReferrers } from './routes/referrers.ts';
import { health, metricsOf, readiness } from './routes/status.ts';
import { listTags } from './routes/tags.ts';
import { getToken, postToken } from './routes/token.ts';
import { beginUpload, deleteUpload, getUpload, patchUpload, putUpload } from './routes/uploads.ts';

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

/** What is asked about the registry itself, and about who may use it. */
export function ownRoutes(metrics: Metrics): Route<Handler>[] {
  const [users, robots, grants] = ['users', 'robots', 'grants'].map(
    (noun) => new RegExp(`^/api/v1/${noun}$`),
  );
  const [user, robot] = ['users', 'robots'].map((noun) => new RegExp(`^/api/v1/${noun}/(?<name>[^/]+)$`));
  const rows: readonly (readonly [string, RegExp | undefined, Handler])[] = [
    ['GET', /^\/healthz$/, health],
    ['GET', /^\/readyz$/, readiness],
    ['GET', /^\/metrics$/, metricsOf(metrics)],
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
  return new Router([...table, ...more]);
}
