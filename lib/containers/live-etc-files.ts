import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { EndpointDescription } from '../network/index.ts';
import type { ContainersContext } from './context.ts';
import { networkResolver } from './etc-files.ts';
import { describe, nameServersOf, ownHosts } from './network-task.ts';
import type { ContainerRecord } from './record.ts';
import { containerHostname } from './runtime-config.ts';

/** What of a container's /etc depends on the networks that it is on. */
export interface NetworkFiles {
  /** Lines of /etc/hosts. */
  readonly hosts: readonly string[];
  /** All of /etc/resolv.conf; null: it is not made by networks. */
  readonly resolver: string | null;
}

export function networkFiles(
  context: ContainersContext,
  record: ContainerRecord,
  endpoints: readonly EndpointDescription[],
): NetworkFiles {
  const { id, spec } = record;
  const hostname = containerHostname(id, spec, context.host);
  const description = describe(context, record, endpoints);
  const isUsers = context.ids.map !== null;
  return {
    hosts: ownHosts(record, hostname, endpoints).map(([address, names]) => `${address}\t${names}\n`),
    resolver:
      spec.networks.length === 0 || isUsers
        ? null
        : networkResolver(spec, { description, nameServers: nameServersOf(description) }),
  };
}

/** What is larger a container has written itself, who may well mean us to read without end. */
const largestFile = 1024 * 1024;

/**
 * Brings a running container's files from one to the other. They are bound into it, so that they are written in place; what
 * the container itself has written stays: other lines of hosts, and a resolv.conf that is no longer ours. So do files that
 * it keeps from being read or written: the network has changed, whatever the container does to its files.
 */
export function updateEtcFiles(runDir: string, before: NetworkFiles, after: NetworkFiles): void {
  const own = before.hosts.map(asBytes);
  rewrite(`${runDir}/hosts`, (text) => {
    const lines = text.split(/(?<=\n)/).filter((line) => !own.includes(line));
    const end = lines.length === 0 || lines.at(-1)?.endsWith('\n') ? '' : '\n';
    return [...lines, end, ...after.hosts.map(asBytes)].join('');
  });
  const { resolver } = after;
  if (before.resolver === null || resolver === null) return;
  const ours = asBytes(before.resolver);
  rewrite(`${runDir}/resolv.conf`, (text) => (text === ours ? asBytes(resolver) : text));
}

/** One character for each byte: what is not UTF-8 comes back as it was. */
function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function rewrite(path: string, change: (text: string) => string): void {
  let file = -1;
  try {
    file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fstatSync(file).size > largestFile) return;
    const text = readFileSync(file, 'latin1');
    const changed = change(text);
    if (changed !== text) ftruncateSync(file, writeSync(file, changed, 0, 'latin1'));
  } catch {
    // Immutable, or of a container that shares another one's files.
  } finally {
    if (file >= 0) closeSync(file);
  }
}
