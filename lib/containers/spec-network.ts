import { type EndpointRequest, parseIp } from '../network/index.ts';
import { absolutePath, invalidOption, oneOf, text, texts } from './option-values.ts';
import type { ContainerOptions, NetworkOption, PortOption } from './options.ts';
import { containerMode } from './spec-namespaces.ts';

/** What a container's network is, parsed. */
export interface SpecNetwork {
  /** "none", "host", "container:ID", the absolute path of a network namespace, or the name of its first network. */
  readonly network: string;
  /** Of one that has a namespace of its own, in the order of its interfaces. */
  readonly networks: readonly EndpointRequest[];
  readonly ports: readonly SpecPort[];
  /** Beside what the image exposes, what the spec does. */
  readonly publishAll: boolean;
  /** Other containers' addresses in /etc/hosts. */
  readonly links: readonly { readonly container: string; readonly alias: string }[];
}

/** A port that is published: of the host one of a range, or (0) any that is free. */
export interface SpecPort {
  readonly protocol: 'tcp' | 'udp';
  /** "": all addresses of the host. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly hostPortEnd: number;
  readonly containerPort: number;
}

/** @throws EngineError ERR_CONTAINER_OPTION_INVALID */
export function parseNetworkOptions(options: ContainerOptions): SpecNetwork {
  const mode = parseMode(options.network);
  const isName = mode !== null && !isOwnMode(mode);
  if (options.networks !== undefined && mode !== null)
    throw invalidOption('networks', options.networks.length, 'give network or networks, not both');
  const networks = (options.networks ?? (isName ? [{ name: mode }] : [])).map(parseRequest);
  const names = networks.map(({ network }) => network);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidOption('networks', twice, 'a container is on a network once');
  const ports = (options.ports ?? []).flatMap(parsePort);
  const network = names[0] ?? mode ?? 'none';
  if (names.length === 0 && ports.length > 0)
    throw invalidOption(
      'ports',
      network,
      'ports can be published of a container that is on a network: network: "bridge"',
    );
  return {
    network,
    networks,
    ports,
    publishAll: options.publishAll === true && names.length > 0,
    links: (options.links ?? []).map(({ container, alias }) => ({
      container: text('links.container', container),
      alias: parseAlias('links.alias', text('links.alias', alias ?? container)),
    })),
  };
}

/** Whether a network's word is a mode: everything else is a network's name. */
function isOwnMode(mode: string): boolean {
  return mode === 'none' || mode === 'host' || mode.startsWith('/') || mode.startsWith('container:');
}

/** Whether it is on networks, of which it may have left the last one since. */
export function isOnNetworks({ network }: Pick<SpecNetwork, 'network'>): boolean {
  return !isOwnMode(network);
}

/** Whether the container has a network namespace that nobody else has. */
export function ownsNetwork({ network }: Pick<SpecNetwork, 'network'>): boolean {
  return network === 'none' || !isOwnMode(network);
}

function parseMode(network: ContainerOptions['network']): string | null {
  if (network === undefined) return null;
  if (typeof network === 'object' && 'path' in network) return absolutePath('network.path', network.path);
  if (typeof network === 'object') throw invalidOption('network', network, 'give a name, or { path }');
  const container = containerMode('network', network);
  return container ?? (network === 'default' ? 'bridge' : networkName('network', network));
}

function networkName(option: string, value: unknown): string {
  const name = text(option, value);
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name)) return name;
  throw invalidOption(option, name, 'give none, host, or the name of a network');
}

export function parseRequest(option: NetworkOption): EndpointRequest {
  const name = networkName('networks.name', option?.name);
  if (isOwnMode(name)) throw invalidOption('networks', name, 'it cannot be combined with networks');
  return {
    network: name === 'default' ? 'bridge' : name,
    aliases: texts('networks.aliases', option.aliases ?? []).map((alias) =>
      parseAlias('networks.aliases', alias),
    ),
    ip: address('networks.ip', option.ip, 4),
    ip6: address('networks.ip6', option.ip6, 6),
    mac: option.mac === undefined ? null : parseMac(option.mac),
  };
}

function parseAlias(option: string, alias: string): string {
  if (/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/.test(alias)) return alias;
  throw invalidOption(option, alias, 'use letters, digits, dots and dashes, as host names do');
}

function address(option: string, value: string | undefined, family: 4 | 6): string | null {
  if (value === undefined) return null;
  if (parseIp(text(option, value))?.family === family) return value;
  throw invalidOption(option, value, `it must be an address of IPv${family}`);
}

/** Not one of a group: its first byte is even. */
function parseMac(value: unknown): string {
  const mac = text('networks.mac', value).toLowerCase().replaceAll('-', ':');
  if (/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac) && mac !== '00:00:00:00:00:00') return mac;
  throw invalidOption('networks.mac', mac, 'write it as 02:42:ac:11:00:02');
}

/** One for each port of the container. */
export function parsePort(option: PortOption): SpecPort[] {
  const protocol = oneOf('ports.protocol', option?.protocol ?? 'tcp', ['tcp', 'udp'] as const);
  const hostIp = option.hostIp ?? '';
  if (hostIp !== '' && parseIp(hostIp) === null)
    throw invalidOption('ports.hostIp', hostIp, 'it must be an address of this host');
  const [first, last] = portRange('ports.containerPort', option.containerPort, 1);
  const [hostFirst, hostLast] = portRange('ports.hostPort', option.hostPort ?? 0, 0);
  const [count, hostCount] = [last - first + 1, hostLast - hostFirst + 1];
  if (count > 1 && hostFirst !== 0 && hostCount !== count)
    throw invalidOption(
      'ports',
      `${hostFirst}-${hostLast}`,
      `there are ${hostCount} ports of the host for ${count} of the container`,
    );
  return Array.from({ length: count }, (_, n) => {
    const own = count > 1 && hostFirst !== 0;
    const hostPort = own ? hostFirst + n : hostFirst;
    return {
      protocol,
      hostIp: hostIp === '0.0.0.0' && option.hostIp === undefined ? '' : hostIp,
      hostPort,
      hostPortEnd: own ? hostPort : hostLast,
      containerPort: first + n,
    };
  });
}

function portRange(option: string, value: number | string, least: number): [number, number] {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value)) ?? [];
  const range: [number, number] = [Number(first ?? -1), Number(last ?? first ?? -1)];
  if (range[0] >= least && range[0] <= range[1] && range[1] <= 65535) return range;
  throw invalidOption(option, value, 'write a port, or a range of them: 8080, 8000-8010');
}
