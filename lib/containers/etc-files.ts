import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
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
  root: { readonly uid: number; readonly gid: number } | null = null,
): void {
  const files = { hosts: hostsFile(spec), hostname: `${hostname}\n`, 'resolv.conf': resolverFile(spec) };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(`${directory}/${name}`, text);
    chmodSync(`${directory}/${name}`, 0o644); // whatever the umask here, every user of the container reads them
    if (root) chownSync(`${directory}/${name}`, root.uid, root.gid);
  }
}

function hostsFile(spec: ContainerSpec): string {
  const base = spec.network === 'host' ? (readText('/etc/hosts') ?? loopbackHosts) : loopbackHosts;
  const lines = spec.extraHosts.map(([name, address]) => `${address}\t${name}\n`);
  return `${base}${base.endsWith('\n') ? '' : '\n'}${lines.join('')}`;
}

function resolverFile(spec: ContainerSpec): string {
  const { servers, search, options } = spec.dns;
  if (servers.length + search.length + options.length === 0) return inheritedResolver(spec);
  return [
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(search.length > 0 ? [`search ${search.join(' ')}\n`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}\n`] : []),
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
