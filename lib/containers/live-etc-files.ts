import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { EndpointDescription } from '../network/index.ts';
import type { ContainersContext } from './context.ts';
import { networkResolver } from './etc-files.ts';
import { describe, nameServersOf, ownHosts } from './network-task.ts';
import type { ContainerRecord } from './record.ts';
import { containerHostname } from './runtime-config.ts';
import { ignoring } from './store.ts';

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

/**
 * Brings a running container's files from one to the other. They are bound into it, so that they are written in place; what
 * the container itself has written stays: other lines of hosts, and a resolv.conf that is no longer ours.
 */
export function updateEtcFiles(runDir: string, before: NetworkFiles, after: NetworkFiles): void {
  rewrite(`${runDir}/hosts`, (text) => {
    const lines = text.split(/(?<=\n)/).filter((line) => !before.hosts.includes(line));
    return [...lines, ...after.hosts].join('');
  });
  rewrite(`${runDir}/resolv.conf`, (text) =>
    text === before.resolver && after.resolver !== null ? after.resolver : text,
  );
}

function rewrite(path: string, change: (text: string) => string): void {
  try {
    const text = readFileSync(path, 'utf8');
    const changed = change(text);
    if (changed === text) return;
    const file = openSync(path, 'r+');
    try {
      ftruncateSync(file, writeSync(file, changed, 0));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    ignoring('ENOENT')(error); // of a container that shares another one's files
  }
}
