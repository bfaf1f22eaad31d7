import { type IdMap, isMapped } from '../id-map/index.ts';
import type { RuntimeMount } from '../oci/index.ts';
import { askedMounts, hardened } from './asked-mounts.ts';
import type { JoinedContainer } from './joined.ts';
import type { RuntimeConfigInput } from './runtime-config.ts';
import type { ContainerSpec } from './spec.ts';
import { ownsNetwork } from './spec-network.ts';

/**
 * Docker's default mounts, the files of /etc that are the container's own, then what was asked for, parents before
 * children. What was asked for replaces a default with the same target, and the ones below it.
 */
export function runtimeMounts(input: RuntimeConfigInput): RuntimeMount[] {
  const asked = askedMounts(input);
  const covered = (path: string) =>
    asked.some(({ destination }) => path === destination || path.startsWith(`${destination}/`));
  const defaults = [...kernelMounts(input), ...etcMounts(input)].filter(
    ({ destination }) => !covered(destination),
  );
  return [...defaults, ...asked];
}

function kernelMounts({ spec, idMap, joined }: RuntimeConfigInput): RuntimeMount[] {
  const access = spec.privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: hardened },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...ttyGroup(idMap)],
    },
    sysMount(spec, access, idMap),
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [spec.writableCgroups ? 'rw' : access, ...hardened],
    },
    ...ipcMounts(spec, joined?.ipc),
  ];
}

/** tty's, as in every distribution, where it exists inside: mesg(1) and wall(1) look for it. */
function ttyGroup(idMap: IdMap | null): string[] {
  return idMap && !isMapped(idMap.gids, 5) ? [] : ['gid=5'];
}

/**
 * A user namespace may mount a sysfs only with a network namespace of its own: else the host's is bound, read-only with all that
 * is mounted below it (a user's FUSE connections are his own files there, and so the container's).
 */
function sysMount(spec: ContainerSpec, access: 'ro' | 'rw', idMap: IdMap | null): RuntimeMount {
  if (idMap && !ownsNetwork(spec)) {
    const all = access === 'ro' ? 'rro' : access;
    return { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', all, ...hardened] };
  }
  return { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...hardened, access] };
}

function ipcMounts(spec: ContainerSpec, donor: JoinedContainer | undefined): RuntimeMount[] {
  const { ipc } = spec.namespaces;
  if (ipc === 'host') {
    return ['/dev/mqueue', '/dev/shm'].map((path) => ({
      destination: path,
      type: 'bind',
      source: path,
      options: ['rbind', ...hardened],
    }));
  }
  const mqueue = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: hardened };
  if (ipc === 'none') return [mqueue];
  return [mqueue, donor ? sharedMemoryOf(donor) : ownSharedMemory(spec)];
}

/** A mount of another mount namespace: its monitor takes it there (native/monitor/joins.h). */
function sharedMemoryOf({ pid }: JoinedContainer): RuntimeMount {
  const options = ['bind', ...hardened];
  return { destination: '/dev/shm', type: 'bind', source: `/proc/${pid}/root/dev/shm`, options };
}

function ownSharedMemory({ limits }: ContainerSpec): RuntimeMount {
  const options = [...hardened, 'mode=1777', `size=${limits.shmSize}`];
  return { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options };
}

/** Writable, as docker's, unless the root is not. */
function etcMounts({ etc, spec }: RuntimeConfigInput): RuntimeMount[] {
  return ['resolv.conf', 'hostname', 'hosts'].map((file) => ({
    destination: `/etc/${file}`,
    type: 'bind',
    source: `${etc}/${file}`,
    options: ['rbind', 'rprivate', ...(spec.readOnly ? ['ro'] : [])],
  }));
}
