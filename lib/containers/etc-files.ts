import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import { hostResolver, type RunNetwork } from './network-task.ts';
import type { ContainerSpec } from './spec.ts';

const loopbackHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/**
 * Writes a container's own hosts, hostname and resolv.conf into `directory`; they are bound over those of its root.
 * `root`: the container's, in a user namespace of its own. Synchronous on purpose: three small files in the page cache cost less than one trip through libuv's pool.
 */
export function writeEtcFiles(
  directory: string,
  spec: ContainerSpec,
  hostname: string,
  network: RunNetwork,
  root: { readonly uid: number; readonly gid: number } | null = null,
): void {
  const files = {
    hosts: hostsFile(spec, network),
    hostname: `${hostname}\n`,
    'resolv.conf': resolverFile(spec, network),
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(`${directory}/${name}`, text);
    chmodSync(`${directory}/${name}`, 0o644); // whatever the umask here, every user of the container reads them
    if (root) chownSync(`${directory}/${name}`, root.uid, root.gid);
  }
}

function hostsFile(spec: ContainerSpec, network: RunNetwork): string {
  const base = spec.network === 'host' ? (readText('/etc/hosts') ?? loopbackHosts) : loopbackHosts;
  const lines = [
    ...spec.extraHosts.map(([name, address]) => `${hostAddress(address, network)}\t${name}\n`),
    ...network.hosts.map(([address, names]) => `${address}\t${names}\n`),
  ];
  return `${base}${base.endsWith('\n') ? '' : '\n'}${lines.join('')}`;
}

/** docker's word for the host, as the container reaches it. */
function hostAddress(address: string, { gateway }: RunNetwork): string {
  if (address !== 'host-gateway') return address;
  if (gateway !== undefined) return gateway;
  throw new EngineError(
    'ERR_CONTAINER_OPTION_INVALID',
    'there is no host-gateway without a network that leads outside: give an address, or --network bridge',
  );
}

function resolverFile(spec: ContainerSpec, network: RunNetwork): string {
  if (spec.networks.length > 0) return networkResolver(spec, network);
  const { servers, search, options } = spec.dns;
  if (servers.length + search.length + options.length === 0) return inheritedResolver(spec);
  return [
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(search.length > 0 ? [`search ${search.join(' ')}\n`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}\n`] : []),
  ].join('');
}

/** Its name server, and for the rest what is asked for, else what the host has. */
export function networkResolver(
  { dns }: Pick<ContainerSpec, 'dns'>,
  { description, nameServers }: Pick<RunNetwork, 'description' | 'nameServers'>,
): string {
  const ofHost = (keyword: string) =>
    new RegExp(`^\\s*${keyword}\\s+(.+)$`, 'm').exec(hostResolver())?.[1]?.trim().split(/\s+/) ?? [];
  const servers = description?.resolvers ? nameServers : dns.servers.length > 0 ? dns.servers : nameServers;
  const search = dns.search.length > 0 ? dns.search : ofHost('search');
  const options = dns.options.length > 0 ? dns.options : ofHost('options');
  const all =
    description?.resolvers && !options.some((option) => option.startsWith('ndots:'))
      ? [...options, 'ndots:0']
      : options;
  return [
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(search.length > 0 && search[0] !== '.' ? [`search ${search.join(' ')}\n`] : []),
    ...(all.length > 0 ? [`options ${all.join(' ')}\n`] : []),
  ].join('');
}

function inheritedResolver(spec: ContainerSpec): string {
  return spec.network === 'host' ? (readText('/etc/resolv.conf') ?? '') : '# no network, no name server\n';
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
