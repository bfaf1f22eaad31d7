import { basename } from 'node:path';
import {
  ensureNetwork,
  hostSubnets,
  releaseEndpoint,
  removeNetwork,
  restoreNetworks,
} from '../../bindings/net.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import { randomId } from '../random-id/index.ts';
import type { Undo } from '../undo/index.ts';
import { type ParsedNetwork, parseNetworkName, parseNetworkOptions } from './create-options.ts';
import {
  type Endpoint,
  type EndpointDescription,
  type EndpointRequest,
  type Joining,
  makeEndpoint,
  rerouted,
} from './endpoints.ts';
import { formatSubnet, overlaps, parseSubnet, type Subnet } from './ip.ts';
import { bridgeName, type NetworkRecord, type NetworkSubnet, optionNames } from './network-record.ts';
import type { NetworkStore } from './network-store.ts';
import type { NetworkFilters, NetworkInfo, NetworkMember, Networks } from './networks.ts';
import { chooseIpv6Subnet, chooseSubnet, firstAddress } from './pools.ts';
import { userNetworkId } from './user-network.ts';

/** What the verbs of this room need; the engine wires it. */
export interface NetworksContext {
  readonly store: NetworkStore;
  /** The namespace that networks are in: a path, or '' for this program's own. */
  readonly netns: string;
  /** Puts in order what crashes left of containers. */
  readonly heal: () => Promise<unknown>;
  /** The networks that containers name, by name or id, whether or not they run. */
  readonly findUses: () => Promise<ReadonlyMap<string, readonly string[]>>;
  readonly events: {
    emit(event: { type: 'network'; action: string; id: string; attributes?: Record<string, string> }): void;
  };
}

/** What containers ask of networks. */
export interface Connections {
  readonly netns: string;
  /** RUN/networks */
  readonly directory: string;
  /** ERR_NETWORK_NOT_FOUND; the default network is made when it is first asked for. */
  find(nameOrId: string): Promise<NetworkRecord>;
  /** Takes addresses on each network; they are given back with `undo`. Errors as makeEndpoint. */
  join(
    container: Joining,
    requests: readonly EndpointRequest[],
    before: readonly EndpointDescription[],
    undo: Undo,
  ): Promise<Endpoint[]>;
  /** A running container's end of a network, or null. */
  member(
    network: string,
    container: string,
  ): { readonly record: NetworkRecord; readonly member: NetworkMember } | null;
  /** The network that an endpoint is of; null: it has been removed. */
  networkOf(endpoint: EndpointDescription): NetworkRecord | null;
  /** The endpoints of a container that has left a network, with its default routes by those that are left. */
  route(endpoints: readonly EndpointDescription[]): EndpointDescription[];
  /** Ends the leases of a container on one network. */
  leave(network: string, container: string): Promise<void>;
  /** What a monitor that was killed has left of a container: addresses, interfaces, published ports, records. */
  release(container: string): Promise<void>;
}

export const defaultNetwork = 'bridge';

/** The verbs of this room as one object. */
export function openNetworks(context: NetworksContext): Networks & { readonly connections: Connections } {
  const { store } = context;
  const inspect = async (name: string): Promise<NetworkInfo> => {
    const found = withoutRecord(store).find((network) => network.name === name);
    return found ?? describe(store, await findNetwork(context, name));
  };
  return {
    inspect,
    create: async (name, options = {}) => {
      const parsed = parseNetworkOptions(options);
      const record = await createNetwork(context, parseNetworkName(name), parsed);
      return await inspect(record.id);
    },
    list: async ({ filters = {} } = {}) => {
      await context.heal();
      const all = [...store.list().map((record) => describe(store, record)), ...withoutRecord(store)];
      const uses = filters.dangling === undefined ? new Map() : await context.findUses();
      return all
        .filter((info) => matches(info, filters, uses))
        .sort((one, other) => (one.name < other.name ? -1 : 1));
    },
    remove: (name) => remove(context, name),
    prune: (options) => prune(context, options?.filters ?? {}),
    reload: async () => {
      await context.heal(); // nothing is made anew of a container that was killed
      for (const record of store.list()) store.prepareRun(record);
      await restoreNetworks(context.netns, store.runDirectory);
    },
    connections: openConnections(context),
  };
}

function openConnections(context: NetworksContext): Connections {
  const { store, netns } = context;
  return {
    netns,
    directory: store.runDirectory,
    find: (name) => findNetwork(context, name),
    join: async (container, requests, before, undo) => {
      const made: Endpoint[] = [];
      for (const request of requests) {
        const record = await findNetwork(context, request.network);
        const all = [...before, ...made.map(({ description }) => description)];
        made.push(await makeEndpoint(store, record, container, request, all, undo));
      }
      return made;
    },
    member: (name, container) => {
      const own = store.member(userNetworkId, container);
      if (own !== null) return { record: userRecord(name), member: own };
      const record = store.find(name);
      const member = record && store.member(record.id, container);
      return record && member ? { record, member } : null;
    },
    networkOf: ({ network }) => store.read(basename(network)),
    route: (endpoints) => rerouted(store, endpoints),
    leave: (id, container) => store.leases(id).releaseAll(container),
    release: async (container) => {
      for (const id of store.heldBy(container)) {
        if (id !== userNetworkId) await releaseEndpoint(netns, store.runPath(id), container);
        store.removeRecords(id, container);
        await store.leases(id).releaseAll(container);
      }
    },
  };
}

/** Its record and what the kernel has of it; both or nothing. */
async function makeNetwork({ store, netns }: NetworksContext, record: NetworkRecord): Promise<void> {
  await store.write(record);
  try {
    await ensureNetwork(netns, store.runPath(record.id), store.runDirectory);
  } catch (error) {
    await removeNetwork(netns, store.runPath(record.id)).catch(() => undefined);
    store.remove(record.id);
    throw error;
  }
}

/** Always there, with nothing to be known of them: the default network, too, until somebody is the first on it. */
function withoutRecord(store: NetworkStore): NetworkInfo[] {
  const names = store.list().some(({ name }) => name === defaultNetwork) ? [] : [defaultNetwork];
  return [...names, 'host', 'none'].map((name) => ({
    id: name,
    name,
    driver: name as NetworkInfo['driver'],
    createdAt: '0001-01-01T00:00:00Z',
    internal: false,
    ipv6: false,
    subnets: [],
    options: {},
    labels: {},
    containers: {},
  }));
}

/** What there is to be known of a user's network. */
function userRecord(name: string): NetworkRecord {
  const plain = { internal: false, ipv6: false, subnets: [], options: {}, labels: {} };
  return {
    version: 1,
    id: userNetworkId,
    name,
    driver: 'bridge',
    createdAt: '0001-01-01T00:00:00Z',
    ...plain,
  };
}

function describe(store: NetworkStore, record: NetworkRecord): NetworkInfo {
  const { version: _, ...info } = record;
  return { ...info, containers: store.members(record.id) };
}

async function findNetwork(context: NetworksContext, name: string): Promise<NetworkRecord> {
  const found = context.store.find(name);
  if (found !== null) return found;
  if (name === defaultNetwork)
    return await createNetwork(context, name, { ...parseNetworkOptions({}), driver: 'bridge' }, true);
  throw new EngineError(
    'ERR_NETWORK_NOT_FOUND',
    `there is no network ${JSON.stringify(String(name).slice(0, 130)).slice(1, -1)}: \`strake network ls\` lists those that are`,
    { details: { network: name } },
  );
}

async function createNetwork(
  context: NetworksContext,
  name: string,
  parsed: ParsedNetwork,
  mayExist = false,
): Promise<NetworkRecord> {
  const { store, events } = context;
  using _lock = await store.lock();
  const existing = store.list().find((record) => record.name === name);
  if (existing !== undefined && mayExist) return existing;
  if (existing !== undefined)
    throw new EngineError(
      'ERR_NETWORK_EXISTS',
      `there is a network ${name} already: choose another name, or remove it (strake network rm ${name})`,
      { details: { network: name, id: existing.id } },
    );
  const subnets = await chooseSubnets(context, name, parsed);
  const id = randomId();
  const record: NetworkRecord = {
    version: 1,
    id,
    name,
    createdAt: new Date().toISOString(),
    ...parsed,
    subnets,
  };
  await makeNetwork(context, record).catch(async (error: unknown) => {
    if (!mayExist || !isEngineError(error, 'ERR_NETWORK_INTERFACE_TAKEN')) throw error;
    // The default network of another root has the default name.
    const own = { ...record.options, [optionNames.bridge]: bridgeName({ ...record, name: '' }) };
    await makeNetwork(context, { ...record, options: own });
  });
  // docker's default network is there before anything happens.
  if (!mayExist)
    events.emit({ type: 'network', action: 'create', id, attributes: { name, type: record.driver } });
  return record;
}

/** What is asked for, and of each other family that is wanted one that nothing has. ERR_SUBNET_OVERLAP, ERR_ADDRESSES_EXHAUSTED. */
async function chooseSubnets(
  { store, netns }: NetworksContext,
  name: string,
  parsed: ParsedNetwork,
): Promise<NetworkSubnet[]> {
  const routes = (await hostSubnets(netns)).map(parseSubnet).filter((subnet) => subnet !== null);
  const networks = store
    .list()
    .flatMap((network) => network.subnets.map(({ subnet }) => ({ name: network.name, subnet })));
  const asked = parsed.subnets.map(({ subnet }) => parseSubnet(subnet) as Subnet);
  for (const subnet of asked) refuseOverlap(subnet, networks, parsed.driver === 'macvlan' ? [] : routes);
  const taken = [...routes, ...networks.map(({ subnet }) => parseSubnet(subnet) as Subnet)];
  const has = (family: 4 | 6) => asked.some((subnet) => subnet.family === family);
  return [
    ...(has(4) || (has(6) && parsed.subnets.length > 0)
      ? []
      : [automatic(chooseSubnet(taken, name === defaultNetwork))]),
    ...parsed.subnets,
    ...(parsed.ipv6 && !has(6) ? [automatic(chooseIpv6Subnet())] : []),
  ];
}

function automatic(subnet: Subnet): NetworkSubnet {
  return { subnet: formatSubnet(subnet), gateway: firstAddress(subnet), ipRange: null, auxiliary: {} };
}

function refuseOverlap(
  asked: Subnet,
  networks: readonly { name: string; subnet: string }[],
  routes: readonly Subnet[],
): void {
  const network = networks.find(({ subnet }) => overlaps(asked, parseSubnet(subnet) as Subnet));
  const route = routes.find((subnet) => overlaps(asked, subnet));
  if (network === undefined && route === undefined) return;
  const holder =
    network !== undefined
      ? `${network.subnet} of network ${network.name}`
      : `a route of this host (${formatSubnet(route as Subnet)})`;
  throw new EngineError(
    'ERR_SUBNET_OVERLAP',
    `the subnet ${formatSubnet(asked)} overlaps ${holder}: choose another one, or give none and one is chosen`,
    { details: { subnet: formatSubnet(asked) } },
  );
}

async function remove(context: NetworksContext, name: string): Promise<void> {
  if (name === defaultNetwork || ['host', 'none'].includes(name)) throw notRemovable(name);
  await context.heal();
  using _lock = await context.store.lock();
  const record = await findNetwork(context, name);
  if (record.name === defaultNetwork) throw notRemovable(record.name); // by its id
  if (!(await removeIfUnused(context, record))) throw inUse(record, context.store.members(record.id));
}

/** False: somebody is connected with it. */
async function removeIfUnused(
  { store, netns, events }: NetworksContext,
  record: NetworkRecord,
): Promise<boolean> {
  store.prepareRun(record);
  if (!(await store.close(record.id))) return false;
  await removeNetwork(netns, store.runPath(record.id));
  store.remove(record.id);
  const attributes = { name: record.name, type: record.driver };
  events.emit({ type: 'network', action: 'destroy', id: record.id, attributes });
  return true;
}

async function prune(context: NetworksContext, filters: Pick<NetworkFilters, 'label'>): Promise<string[]> {
  await context.heal();
  using _lock = await context.store.lock();
  const uses = await context.findUses();
  const removed: string[] = [];
  for (const record of context.store.list()) {
    const info = describe(context.store, record);
    if (record.name === defaultNetwork || !matches(info, { ...filters, dangling: true }, uses)) continue;
    if (await removeIfUnused(context, record)) removed.push(record.name);
  }
  return removed;
}

function matches(
  info: NetworkInfo,
  { id, name, driver, label, dangling }: NetworkFilters,
  uses: ReadonlyMap<string, readonly string[]>,
): boolean {
  const isUsed = uses.has(info.name) || uses.has(info.id) || Object.keys(info.containers).length > 0;
  return (
    (id === undefined || id.some((part) => info.id.startsWith(part))) &&
    (name === undefined || name.some((part) => info.name.includes(part))) &&
    (driver === undefined || driver.includes(info.driver)) &&
    (label ?? []).every((text) => hasLabel(info.labels, text)) &&
    (dangling === undefined || isUsed !== dangling)
  );
}

function hasLabel(labels: Readonly<Record<string, string>>, text: string): boolean {
  const [key = '', wanted] = text.split(/=(.*)/s);
  return Object.hasOwn(labels, key) && (wanted === undefined || labels[key] === wanted);
}

function notRemovable(name: string): EngineError {
  return new EngineError(
    'ERR_NETWORK_NAME_INVALID',
    `the network ${name} is always there and cannot be removed`,
  );
}

function inUse({ name }: NetworkRecord, members: Readonly<Record<string, NetworkMember>>): EngineError {
  const containers = Object.values(members).map((member) => member.name);
  const shown =
    containers.length > 0 ? `by ${containers.slice(0, 5).join(', ')}` : 'by a container that is starting';
  return new EngineError(
    'ERR_NETWORK_IN_USE',
    `cannot remove network ${name}: it is in use ${shown}; stop them, or disconnect them (strake network disconnect)`,
    { details: { network: name, containers } },
  );
}
