import { type Exchange, parameter, replyJson, replyNothing } from '../exchange.ts';
import { booleanFilter, type Filters, parseFilters } from '../filters.ts';
import { readJsonBody } from '../json-body.ts';
import { Fields } from '../json-fields.ts';
import { Refusal } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { isAtLeast } from '../version.ts';
import { prunedVolumes, volumeDocument } from '../wire/volume.ts';

export const volumesRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/volumes', summary: 'volumes', handler: list },
  {
    method: 'POST',
    path: '/volumes/create',
    summary: 'makes a volume',
    note: 'drivers: local',
    handler: create,
  },
  { method: 'POST', path: '/volumes/prune', summary: 'removes volumes that nothing uses', handler: prune },
  { method: 'GET', path: '/volumes/{name}', summary: 'one volume', handler: inspect },
  { method: 'DELETE', path: '/volumes/{name}', summary: 'removes a volume', handler: remove },
];

async function list(exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query, ['dangling', 'driver', 'label', 'label!', 'name']);
  const dangling = booleanFilter(filters, 'dangling');
  const names = filters.get('name');
  const volumes = await exchange.engine.volumes.list({
    filters: {
      ...labelFilters(filters),
      ...(names && { name: names }),
      ...(dangling !== undefined && { dangling }),
    },
  });
  const drivers = filters.get('driver') ?? ['local'];
  const listed = drivers.includes('local') ? volumes : [];
  replyJson(exchange, { Volumes: listed.map((volume) => volumeDocument(volume)), Warnings: [] });
}

async function create(exchange: Exchange): Promise<void> {
  const body = new Fields(await readJsonBody(exchange));
  const driver = body.text('Driver') || 'local';
  if (driver !== 'local') throw noDriver(body.text('Name') ?? '', driver);
  const labels = body.textMap('Labels');
  const driverOptions = body.textMap('DriverOpts');
  const volume = await exchange.engine.volumes.create(body.text('Name'), {
    ...(labels && { labels }),
    ...(driverOptions && { driverOptions }),
  });
  replyJson(exchange, volumeDocument(volume), 201);
}

async function inspect(exchange: Exchange): Promise<void> {
  replyJson(exchange, volumeDocument(await exchange.engine.volumes.inspect(parameter(exchange, 'name'))));
}

async function remove(exchange: Exchange): Promise<void> {
  const force = exchange.query.flag('force');
  await exchange.engine.volumes.remove(parameter(exchange, 'name'), { force });
  replyNothing(exchange);
}

/** Until 1.41 those with a name went, too; since 1.42 they do with the filter `all`. */
async function prune(exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query, ['label', 'label!', 'all']);
  const all = booleanFilter(filters, 'all') ?? !isAtLeast(exchange.version, 42);
  const pruned = await exchange.engine.volumes.prune({ all, filters: labelFilters(filters) });
  replyJson(exchange, prunedVolumes(pruned));
}

function labelFilters(filters: Filters) {
  const [label, notLabel] = [filters.get('label'), filters.get('label!')];
  return { ...(label && { label }), ...(notLabel && { notLabel }) };
}

function noDriver(name: string, driver: string): Refusal {
  return new Refusal(
    404,
    `create ${name.slice(0, 200)}: error looking up volume plugin ${driver.slice(0, 100)}: plugin ${JSON.stringify(driver.slice(0, 100))} not found`,
  );
}
