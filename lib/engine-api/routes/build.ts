import { type Exchange, replyJson } from '../exchange.ts';
import { parseFilters } from '../filters.ts';
import { Refusal } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';

const note = '501: a later release builds';

/** Builds, which there are none of yet, and BuildKit's transports. */
export const buildRoutes: readonly ApiRoute[] = [
  { method: 'POST', path: '/build', summary: 'builds an image', note, handler: refuse },
  { method: 'POST', path: '/build/prune', summary: 'empties the cache of builds', handler: prune },
  { method: 'POST', path: '/session', summary: "BuildKit's transport", note, handler: refuse },
  { method: 'POST', path: '/grpc', summary: "BuildKit's transport", note, handler: refuse },
];

async function refuse(): Promise<void> {
  throw new Refusal(
    501,
    'this engine does not build images yet, a later release does: build with another tool and `docker load` or pull the image',
  );
}

/** Nothing was built, and so nothing is cached. */
async function prune(exchange: Exchange): Promise<void> {
  parseFilters(exchange.query, buildCacheFilters);
  replyJson(exchange, { CachesDeleted: null, SpaceReclaimed: 0 });
}

const buildCacheFilters = [
  'id',
  'parent',
  'type',
  'description',
  'inuse',
  'shared',
  'private',
  'until',
  'unused-for',
];
