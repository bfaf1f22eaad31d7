import { EngineError, isEngineError } from '../../errors/index.ts';
import type { NetworkInfo } from '../../network/index.ts';
import { type Exchange, parameter, reply, replyJson, replyNothing } from '../exchange.ts';
import { booleanFilter, type Filters, matchesLabels, parseFilters } from '../filters.ts';
import { readJsonBody } from '../json-body.ts';
import { Fields } from '../json-fields.ts';
import { badRequest, Refusal } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { parseTimestamp } from '../timestamps.ts';
import { networkDocument } from '../wire/network.ts';
import { networkRequest } from '../wire/network-create.ts';
import { endpointOption } from '../wire/networking-config.ts';

export const networksRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/networks', summary: 'networks', handler: list },
  {
    method: 'POST',
    path: '/networks/create',
    summary: 'makes a network',
    note: 'drivers: bridge, macvlan; one subnet of each family; driver options that are not known are refused',
    handler: create,
  },
  { method: 'POST', path: '/networks/prune', summary: 'removes networks that nothing uses', handler: prune },
  { method: 'GET', path: '/networks/{id}', summary: 'one network', handler: inspect },
  { method: 'DELETE', path: '/networks/{id}', summary: 'removes a network', handler: remove },
  { method: 'POST', path: '/networks/{id}/connect', summary: 'connects a container', handler: connect },
  {
    method: 'POST',
    path: '/networks/{id}/disconnect',
    summary: 'disconnects a container',
    handler: disconnect,
  },
];

/** Networks that no one has made. */
const builtin: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

async function list(exchange: Exchange): Promise<void> {
  const { engine, query, version } = exchange;
  const filters = parseFilters(query, ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']);
  const dangling = booleanFilter(filters, 'dangling');
  const isWanted = networkTest(filters);
  await makeDefault(exchange);
  const networks = await engine.networks.list(dangling === undefined ? {} : { filters: { dangling } });
  const listed = networks.filter((network) => isWanted(network) && !(dangling && builtin.has(network.name)));
  const containers = version.minor < 28;
  replyJson(
    exchange,
    listed.map((network) => networkDocument(network, { minor: version.minor, containers })),
  );
}

/** docker's bridge is there from the beginning. Without the rights for one the others are listed. */
async function makeDefault({ engine }: Exchange): Promise<void> {
  try {
    await engine.networks.inspect('bridge');
  } catch (error) {
    if (!isEngineError(error)) throw error;
  }
}

function networkTest(filters: Filters): (network: NetworkInfo) => boolean {
  const type = filters.get('type');
  const unknown = type?.find((value) => value !== 'custom' && value !== 'builtin');
  if (unknown !== undefined) throw badRequest(`invalid filter: 'type'='${unknown.slice(0, 100)}'`);
  const some = (name: string, test: (value: string) => boolean) => filters.get(name)?.some(test) ?? true;
  return (network) =>
    some('driver', (value) => value === network.driver || (value === 'null' && network.driver === 'none')) &&
    some('id', (value) => network.id.includes(value)) &&
    some('name', (value) => network.name.includes(value)) &&
    some('scope', (value) => value === 'local') &&
    some('type', (value) => (value === 'builtin') === builtin.has(network.name)) &&
    matchesLabels(network.labels, filters);
}

async function inspect(exchange: Exchange): Promise<void> {
  const { engine, query, version } = exchange;
  const network = await engine.networks.inspect(parameter(exchange, 'id'));
  if (!['', 'local'].includes(query.text('scope'))) throw notFound(parameter(exchange, 'id'));
  replyJson(exchange, networkDocument(network, { minor: version.minor }));
}

async function create(exchange: Exchange): Promise<void> {
  const { name, options } = networkRequest(new Fields(await readJsonBody(exchange)));
  if (builtin.has(name)) throw new Refusal(403, `operation is not permitted on predefined ${name} network `);
  const { id } = await exchange.engine.networks.create(name, options);
  replyJson(exchange, { Id: id, Warning: '' }, 201);
}

async function remove(exchange: Exchange): Promise<void> {
  const { name, id, containers } = await exchange.engine.networks.inspect(parameter(exchange, 'id'));
  if (builtin.has(name)) throw new Refusal(403, `${name} is a pre-defined network and cannot be removed`);
  const active = () =>
    new Refusal(403, `error while removing network: network ${name} id ${id} has active endpoints`);
  if (Object.keys(containers).length > 0) throw active();
  try {
    await exchange.engine.networks.remove(id);
  } catch (error) {
    throw isEngineError(error, 'ERR_NETWORK_IN_USE') ? active() : error;
  }
  replyNothing(exchange);
}

async function connect(exchange: Exchange): Promise<void> {
  const body = new Fields(await readJsonBody(exchange));
  const network = parameter(exchange, 'id');
  const option = endpointOption(network, body.object('EndpointConfig'));
  const { name } = await exchange.engine.networks.inspect(network);
  await exchange.engine.containers.connect(containerOf(body), { ...option, name }).catch(forbidden);
  reply(exchange, 200);
}

/** With `Force` a container that is not on it is no error, nor one that is gone. */
async function disconnect(exchange: Exchange): Promise<void> {
  const body = new Fields(await readJsonBody(exchange));
  const { name } = await exchange.engine.networks.inspect(parameter(exchange, 'id'));
  const force = body.flag('Force') === true;
  await exchange.engine.containers.disconnect(containerOf(body), name).catch((error: unknown) => {
    const isOff =
      isEngineError(error, 'ERR_CONTAINER_STATE') || isEngineError(error, 'ERR_CONTAINER_NOT_FOUND');
    if (!(force && isOff)) forbidden(error);
  });
  reply(exchange, 200);
}

function containerOf(body: Fields): string {
  const container = body.text('Container');
  if (!container) throw badRequest('invalid container name or ID: value is empty');
  return container;
}

/** 403 is what these two have for what the container's state does not allow. */
function forbidden(error: unknown): never {
  if (error instanceof EngineError && error.code === 'ERR_CONTAINER_STATE')
    throw new Refusal(403, error.message, { cause: error });
  throw error;
}

async function prune(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange;
  const filters = parseFilters(query, ['label', 'label!', 'until']);
  const limits = (filters.get('until') ?? []).map((text) => Date.parse(parseTimestamp(text)));
  const unused = await engine.networks.list({ filters: { dangling: true } });
  const removed: string[] = [];
  for (const { id, name, labels, createdAt } of unused) {
    const isOld = limits.every((limit) => Date.parse(createdAt) < limit);
    if (builtin.has(name) || !isOld || !matchesLabels(labels, filters)) continue;
    if (await isRemoved(engine.networks.remove(id))) removed.push(name);
  }
  replyJson(exchange, { NetworksDeleted: removed.length === 0 ? null : removed });
}

/** False: somebody has come, or was first. */
async function isRemoved(removal: Promise<void>): Promise<boolean> {
  try {
    await removal;
    return true;
  } catch (error) {
    if (isEngineError(error, 'ERR_NETWORK_IN_USE') || isEngineError(error, 'ERR_NETWORK_NOT_FOUND'))
      return false;
    throw error;
  }
}

function notFound(name: string): Refusal {
  return new Refusal(404, `network ${name.slice(0, 200)} not found`);
}
