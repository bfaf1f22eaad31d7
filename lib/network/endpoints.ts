import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import type { Undo } from '../undo/index.ts';
import { parseIp, parseSubnet } from './ip.ts';
import type { NetworkRecord, NetworkSubnet } from './network-record.ts';
import type { NetworkStore } from './network-store.ts';

/** How a container wants to be on a network. */
export interface EndpointRequest {
  /** Name or id. */
  readonly network: string;
  readonly aliases: readonly string[];
  readonly ip: string | null;
  readonly ip6: string | null;
  readonly mac: string | null;
}

/** A container that is to be connected. */
export interface Joining {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
}

/** What its monitor connects: a part of task.json (native/protocol/task.md). */
export interface EndpointDescription {
  /** The network's directory below RUN. */
  readonly network: string;
  readonly interface: string;
  readonly mac: string;
  readonly addresses: readonly { readonly address: string; readonly prefix: number }[];
  /** Of its default routes, one of each family at most. */
  readonly gateways: readonly string[];
  readonly names: readonly string[];
  readonly leases: readonly string[];
}

export interface Endpoint {
  readonly record: NetworkRecord;
  readonly description: EndpointDescription;
}

/**
 * Takes addresses on a network for a container. `before`: the endpoints that it has, or is about to have. What was taken
 * goes with `undo`. ERR_ADDRESS_IN_USE, ERR_ADDRESSES_EXHAUSTED, ERR_NETWORK_OPTION_INVALID.
 */
export async function makeEndpoint(
  store: NetworkStore,
  record: NetworkRecord,
  container: Joining,
  request: EndpointRequest,
  before: readonly EndpointDescription[],
  undo: Undo,
): Promise<Endpoint> {
  const directory = store.prepareRun(record);
  const leases = store.leases(record.id);
  const asked = { 4: request.ip, 6: request.ip6 };
  refuseUnusable(record, request);
  const addresses: { address: string; prefix: number }[] = [];
  for (const subnet of record.subnets) {
    const { family, prefix } = parseSubnet(subnet.subnet) ?? { family: 4 as const, prefix: 0 };
    const address = await leases.take(subnet, container.id, asked[family]);
    undo.add(() => leases.release(address, container.id));
    addresses.push({ address, prefix });
  }
  requireRecord(store, record);
  const description = {
    network: directory,
    interface: freeInterface(before),
    mac: request.mac ?? macOf(addresses[0]?.address),
    addresses,
    gateways: gatewaysOf(record, before),
    names: namesOf(record, container, request),
    leases: addresses.map(({ address }) => leases.path(address)),
  };
  return { record, description };
}

/** Who removes a network takes its record before its directory, which prepareRun() may have made anew meanwhile. */
function requireRecord(store: NetworkStore, { id, name }: NetworkRecord): void {
  if (store.read(id) !== null) return;
  rmSync(store.runPath(id), { recursive: true, force: true });
  throw new EngineError('ERR_NETWORK_NOT_FOUND', `the network ${name} has just been removed`, {
    details: { network: name },
  });
}

function refuseUnusable({ name, subnets }: NetworkRecord, { ip, ip6 }: EndpointRequest): void {
  const has = (family: 4 | 6) => subnets.some(({ subnet }) => parseSubnet(subnet)?.family === family);
  const wrong = ip !== null && !has(4) ? ip : ip6 !== null && !has(6) ? ip6 : null;
  if (wrong === null) return;
  throw new EngineError(
    'ERR_NETWORK_OPTION_INVALID',
    `${wrong} cannot be an address on network ${name}, which has no subnet of that family: make one with --ipv6 or --subnet`,
    { details: { network: name, address: wrong } },
  );
}

function freeInterface(before: readonly EndpointDescription[]): string {
  const taken = new Set(before.map((endpoint) => endpoint.interface));
  for (let n = 0; ; n++) if (!taken.has(`eth${n}`)) return `eth${n}`;
}

/** Docker's: of the IPv4 address, so that the same address is always the same to its neighbours. */
function macOf(address: string | undefined): string {
  const ip = parseIp(address ?? '');
  const last = ip?.family === 4 ? ip.value : BigInt(`0x${randomBytes(4).toString('hex')}`);
  const bytes = [0x02n, 0x42n, ...[24n, 16n, 8n, 0n].map((shift) => (last >> shift) & 0xffn)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The first network that leads outside has the default routes, for each family. */
function gatewaysOf({ internal, subnets }: NetworkRecord, before: readonly EndpointDescription[]): string[] {
  if (internal) return [];
  const routed = new Set(
    before.flatMap(({ gateways }) => gateways).map((gateway) => parseIp(gateway)?.family),
  );
  return subnets
    .map(({ gateway }: NetworkSubnet) => gateway)
    .filter((gateway) => !routed.has(parseIp(gateway)?.family));
}

/** The same for endpoints of which some have gone. */
export function rerouted(
  store: NetworkStore,
  endpoints: readonly EndpointDescription[],
): EndpointDescription[] {
  const done: EndpointDescription[] = [];
  for (const endpoint of endpoints) {
    const record = store.read(endpoint.network.slice(endpoint.network.lastIndexOf('/') + 1));
    const others = [
      ...done,
      ...endpoints.slice(done.length + 1).filter(({ gateways }) => gateways.length > 0),
    ];
    const keeps = endpoint.gateways.length > 0 || record === null;
    done.push(keeps ? endpoint : { ...endpoint, gateways: gatewaysOf(record, others) });
  }
  return done;
}

/** On the default network nobody is found by name (docker's rule), but the records are the same. */
function namesOf({ name }: NetworkRecord, container: Joining, { aliases }: EndpointRequest): string[] {
  if (name === 'bridge') return [];
  return [...new Set([container.name, container.id.slice(0, 12), container.hostname, ...aliases])];
}
