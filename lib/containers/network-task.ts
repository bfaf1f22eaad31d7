import { readFileSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import {
  defaultNetwork,
  type Endpoint,
  type EndpointDescription,
  parseIp,
  prepareUserNetwork,
  userAddress,
  userNameServer,
  userProgram,
  userRecords,
} from '../network/index.ts';
import type { CompanionEvent, NetworkDescription } from '../runtime/index.ts';
import type { Undo } from '../undo/index.ts';
import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { containerHostname } from './runtime-config.ts';
import { isOnNetworks, type SpecPort } from './spec-network.ts';

/** What a start needs to know of a container's network. */
export interface RunNetwork {
  /** For its monitor; absent: there is nothing to connect. */
  readonly description?: NetworkDescription;
  readonly endpoints: readonly Endpoint[];
  /** Lines of /etc/hosts: addresses with their names. */
  readonly hosts: readonly (readonly [address: string, names: string])[];
  /** What `host-gateway` is. */
  readonly gateway?: string;
  /** Its name server, instead of the host's. */
  readonly nameServers: readonly string[];
}

/** Takes addresses for a container that is about to start; they are given back with `undo`. */
export async function joinNetworks(
  context: ContainersContext,
  record: ContainerRecord,
  undo: Undo,
): Promise<RunNetwork> {
  const { spec } = record;
  if (!isOnNetworks(spec)) return nothing;
  if (context.ids.map !== null) return await joinUserNetwork(context, record);
  const hostname = containerHostname(record.id, spec, context.host);
  const joining = { id: record.id, name: record.name, hostname };
  const endpoints = await context.networks.join(joining, spec.networks, [], undo);
  const description = describe(
    context,
    record,
    endpoints.map((endpoint) => endpoint.description),
  );
  const gateway = endpoints.flatMap((one) => one.description.gateways)[0];
  const own = ownHosts(record, hostname, description.endpoints);
  return {
    description,
    endpoints,
    hosts: [...own, ...(await linkedHosts(context, record))],
    ...(gateway !== undefined && { gateway }),
    nameServers: nameServersOf(description),
  };
}

/** Its own addresses with its names. */
export function ownHosts(
  { spec }: ContainerRecord,
  hostname: string,
  endpoints: readonly EndpointDescription[],
): (readonly [address: string, names: string])[] {
  const names = spec.domainname ? `${hostname}.${spec.domainname} ${hostname}` : hostname;
  return endpoints.flatMap(({ addresses }) => addresses.map(({ address }) => [address, names] as const));
}

/** What /etc/resolv.conf is to name. */
export function nameServersOf({ resolvers }: NetworkDescription): string[] {
  return resolvers ? [nameServer] : hostServers().filter((server) => !isLoopback(server));
}

const nothing: RunNetwork = { endpoints: [], hosts: [], nameServers: [] };

/** The container's own, as docker's (native/monitor/name_server.h). */
const nameServer = '127.0.0.11';

/**
 * An ordinary user's: his container has what pasta or slirp4netns makes of his own sockets, on the one network that he can
 * have. ERR_NETWORK_NOT_AVAILABLE.
 */
async function joinUserNetwork(context: ContainersContext, record: ContainerRecord): Promise<RunNetwork> {
  const { spec } = record;
  prepareUserNetwork(context.networks.directory);
  const hostname = containerHostname(record.id, spec, context.host);
  return {
    description: describe(context, record, []),
    endpoints: [],
    hosts: [[userAddress, hostname] as const, ...(await linkedHosts(context, record))],
    nameServers: spec.dns.servers.length > 0 ? spec.dns.servers : [userNameServer],
  };
}

/** The whole of it, for task.json. */
export function describe(
  { networks, ids }: Pick<ContainersContext, 'networks' | 'ids'>,
  { name, spec, image }: ContainerRecord,
  endpoints: readonly EndpointDescription[],
): NetworkDescription {
  const isUsers = ids.map !== null;
  const names = spec.networks.map(({ network }) => network);
  const resolvers = isUsers ? undefined : resolversOf(spec.dns.servers, endpoints, names);
  return {
    netns: networks.netns,
    networks: networks.directory,
    name,
    endpoints,
    ports: [
      ...spec.ports,
      ...(spec.publishAll
        ? exposedPorts([...image.process.exposedPorts, ...spec.exposedPorts], spec.ports)
        : []),
    ],
    ...(resolvers && { resolvers }),
    ...(isUsers && { program: userProgram(names), record: userRecords(networks.directory) }),
  };
}

/** Docker's attributes of the events `connect` and `disconnect`, which its monitor tells. */
export function networkEvents(
  { networks }: Pick<ContainersContext, 'networks'>,
  container: string,
  endpoints: readonly EndpointDescription[],
): CompanionEvent[] {
  const records = endpoints.map((endpoint) => networks.networkOf(endpoint)).filter((one) => one !== null);
  return records.map(({ id, name, driver }) => ({ id, attributes: { container, name, type: driver } }));
}

function exposedPorts(exposed: readonly string[], published: readonly SpecPort[]): SpecPort[] {
  return [...new Set(exposed)].flatMap((text) => {
    const [, port = '', protocol = 'tcp'] = /^(\d+)(?:\/(\w+))?$/.exec(text) ?? [];
    if (protocol !== 'tcp' && protocol !== 'udp') return [];
    const containerPort = Number(port);
    const has = published.some((one) => one.containerPort === containerPort && one.protocol === protocol);
    return has ? [] : [{ protocol, hostIp: '', hostPort: 0, hostPortEnd: 0, containerPort }];
  });
}

/**
 * docker's rule: who is on the default network alone has the host's resolvers, and finds nobody by name; unless the host's
 * are at loopback addresses, which the container's own name server can ask and the container cannot.
 */
function resolversOf(
  servers: readonly string[],
  endpoints: readonly EndpointDescription[],
  names: readonly string[],
): NetworkDescription['resolvers'] {
  const named =
    names.some((name) => name !== defaultNetwork) || endpoints.some(({ names }) => names.length > 0);
  const asked = servers.filter((server) => parseIp(server) !== null);
  if (asked.length > 0)
    return named ? asked.map((address) => ({ address, from: 'container' as const })) : undefined;
  const ofHost = hostServers();
  if (!named && ofHost.some((server) => !isLoopback(server))) return undefined;
  return ofHost.map((address) => ({ address, from: 'host' as const }));
}

/** resolv.conf(5): at most three. */
function hostServers(): string[] {
  const servers = [...hostResolver().matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = '']) => server);
  return servers.filter((server) => parseIp(server) !== null).slice(0, 3);
}

export function hostResolver(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** As they are now: a container that is restarted may have another address. */
async function linkedHosts(
  { store, networks }: ContainersContext,
  { spec }: ContainerRecord,
): Promise<(readonly [string, string])[]> {
  const lines: (readonly [string, string])[] = [];
  for (const { container, alias } of spec.links) {
    const id = await store.find(container);
    const name = (await store.read(id))?.name ?? container;
    const member = spec.networks
      .map(({ network }) => networks.member(network, id)?.member)
      .find((one) => one);
    if (!member)
      throw new EngineError(
        'ERR_CONTAINER_STATE',
        `cannot link to container ${name}: it does not run on a network of this one; start it first`,
        { details: { container: name } },
      );
    const names = [...new Set([alias, name, id.slice(0, 12)])].join(' ');
    for (const address of member.addresses) lines.push([address.replace(/\/.*/, ''), names]);
  }
  return lines;
}
