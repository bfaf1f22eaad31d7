import { type IdMap, isMapped } from '../id-map/index.ts';
import type { RuntimeMount } from '../oci/index.ts';
import type { RuntimeConfigInput } from './runtime-config.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecBind, SpecTmpfs } from './spec-mounts.ts';
import { ownsNetwork } from './spec-network.ts';

/** A directory of this machine that is bound into a container. */
export interface MountSource {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** When it is empty, it gets what the image has at the target. */
  readonly copy: boolean;
}

const hardened = ['nosuid', 'noexec', 'nodev'];

/**
 * Docker's default mounts, the files of /etc that are the container's own, then what was asked for, parents before
 * children. What was asked for replaces a default with the same target, and the ones below it.
 */
export function runtimeMounts(input: RuntimeConfigInput): RuntimeMount[] {
  const asked = [...input.spec.mounts.flatMap(askedMount), ...input.volumes.map(volumeMount)].sort(
    parentsFirst,
  );
  const covered = (path: string) =>
    asked.some(({ destination }) => path === destination || path.startsWith(`${destination}/`));
  const defaults = [...kernelMounts(input), ...etcMounts(input)].filter(
    ({ destination }) => !covered(destination),
  );
  return [...defaults, ...asked];
}

function kernelMounts({ spec, host: { idMap } }: RuntimeConfigInput): RuntimeMount[] {
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
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [access, ...hardened] },
    ...ipcMounts(spec),
  ];
}

/** tty's, as in every distribution, where it exists inside: mesg(1) and wall(1) look for it. */
function ttyGroup(idMap: IdMap | undefined): string[] {
  return idMap && !isMapped(idMap.gids, 5) ? [] : ['gid=5'];
}

/** A user namespace may mount a sysfs only with a network namespace of its own: else the host's is bound. */
function sysMount(spec: ContainerSpec, access: string, idMap: IdMap | undefined): RuntimeMount {
  if ((spec.namespaces.user !== null || idMap) && !ownsNetwork(spec)) {
    return { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', access, ...hardened] };
  }
  return { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...hardened, access] };
}

function ipcMounts(spec: ContainerSpec): RuntimeMount[] {
  if (spec.namespaces.ipc === 'host') {
    return ['/dev/mqueue', '/dev/shm'].map((path) => ({
      destination: path,
      type: 'bind',
      source: path,
      options: ['rbind', ...hardened],
    }));
  }
  return [
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: hardened },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...hardened, 'mode=1777', `size=${spec.limits.shmSize}`],
    },
  ];
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

function askedMount(mount: ContainerSpec['mounts'][number]): RuntimeMount[] {
  switch (mount.type) {
    case 'bind':
      return [bindMount(mount)];
    case 'tmpfs':
      return [tmpfsMount(mount)];
    case 'volume':
      return []; // among the input's volumes, with its source
  }
}

function bindMount({ source, target, readOnly, propagation }: SpecBind): RuntimeMount {
  const options = ['rbind', propagation, ...(readOnly ? ['ro'] : [])];
  return { destination: target, type: 'bind', source, options };
}

/** tmpcopyup of a bind is our runtime's own: an empty source gets what lies at the target. Others ignore it. */
function volumeMount({ source, target, readOnly, copy }: MountSource): RuntimeMount {
  return {
    destination: target,
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', ...(readOnly ? ['ro'] : []), ...(copy ? ['tmpcopyup'] : [])],
  };
}

/** Docker's defaults; an option given by the user comes later, and the last one wins. */
function tmpfsMount({ target, size, mode, options }: SpecTmpfs): RuntimeMount {
  return {
    destination: target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [
      ...hardened.filter((option) => !options.includes(option.slice(2))),
      `mode=${(mode ?? 0o1777).toString(8)}`,
      ...(size === null ? [] : [`size=${size}`]),
      ...options,
    ],
  };
}

function parentsFirst(left: RuntimeMount, right: RuntimeMount): number {
  return left.destination.split('/').length - right.destination.split('/').length;
}
