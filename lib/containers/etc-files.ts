import { readFile, writeFile } from 'node:fs/promises';
import type { ContainerSpec } from './spec.ts';

const loopbackHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** Writes a container's own hosts, hostname and resolv.conf into `directory`; they are bound over those of its root. */
export async function writeEtcFiles(directory: string, spec: ContainerSpec, hostname: string): Promise<void> {
  const [hosts, resolver] = await Promise.all([hostsFile(spec), resolverFile(spec)]);
  const files = { hosts, hostname: `${hostname}\n`, 'resolv.conf': resolver };
  await Promise.all(
    Object.entries(files).map(([name, text]) => writeFile(`${directory}/${name}`, text, { mode: 0o644 })),
  );
}

async function hostsFile(spec: ContainerSpec): Promise<string> {
  const base =
    spec.network === 'host' ? await readFile('/etc/hosts', 'utf8').catch(() => loopbackHosts) : loopbackHosts;
  const lines = spec.extraHosts.map(([name, address]) => `${address}\t${name}\n`);
  return `${base}${base.endsWith('\n') ? '' : '\n'}${lines.join('')}`;
}

async function resolverFile(spec: ContainerSpec): Promise<string> {
  const { servers, search, options } = spec.dns;
  if (servers.length + search.length + options.length === 0) return await inheritedResolver(spec);
  return [
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(search.length > 0 ? [`search ${search.join(' ')}\n`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}\n`] : []),
  ].join('');
}

async function inheritedResolver(spec: ContainerSpec): Promise<string> {
  if (spec.network !== 'host') return '# no network, no name server\n';
  return await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
}
