import type {
  RuntimeDevice,
  RuntimeDeviceRule,
  RuntimeLinux,
  RuntimeNamespace,
  RuntimeResources,
} from '../oci/index.ts';
import { effectiveCapabilities } from './capabilities.ts';
import { defaultSeccompProfile } from './default-seccomp.ts';
import type { HostDevice, HostFacts, RuntimeConfigInput } from './runtime-config.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecDeviceRule } from './spec-devices.ts';
import type { SpecLimits } from './spec-limits.ts';
import { ownsNetwork } from './spec-network.ts';

/** Docker's (moby oci/defaults.go), with /proc/interrupts and powercap, which leak timing (CVE-2020-8694). */
const maskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** Deny all, allow mknod of anything, and the use of the devices that every container has. */
const defaultDeviceRules: readonly RuntimeDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...(
    [
      [1, 3], // null
      [1, 5], // zero
      [1, 7], // full
      [1, 8], // random
      [1, 9], // urandom
      [5, 0], // tty
      [5, 1], // console
      [5, 2], // ptmx
    ] as const
  ).map(([major, minor]) => ({ allow: true, type: 'c' as const, major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' }, // pts/*
];

export function runtimeLinux(input: RuntimeConfigInput): RuntimeLinux {
  const { spec, host, id } = input;
  return {
    cgroupsPath: `/strake/${id}`,
    namespaces: namespaces(spec, host, input.networkPath),
    ...userMappings(spec, host),
    // Which devices a user namespace can use is what was bound into it; a user may attach no rules.
    resources: {
      ...(!host.inUserNamespace && { devices: deviceRules(input) }),
      ...runtimeResources(spec.limits, host),
    },
    ...(input.devices.length > 0 && { devices: input.devices.map(deviceNode) }),
    ...seccomp(spec, host),
    ...hiddenPaths(spec),
    ...sysctls(spec, host),
  };
}

function namespaces(spec: ContainerSpec, host: HostFacts, networkPath?: string): RuntimeNamespace[] {
  const { pid, ipc, uts, cgroup, user } = spec.namespaces;
  return [
    { type: 'mount' },
    ...(pid === 'private' ? [{ type: 'pid' } as const] : []),
    ...(ipc === 'private' ? [{ type: 'ipc' } as const] : []),
    ...(uts === 'private' ? [{ type: 'uts' } as const] : []),
    ...(cgroup === 'private' ? [{ type: 'cgroup' } as const] : []),
    ...networkNamespace(spec, networkPath),
    ...(user || host.idMap ? [{ type: 'user' } as const] : []),
  ];
}

function networkNamespace(spec: ContainerSpec, path = spec.network): RuntimeNamespace[] {
  if (spec.network === 'host') return [];
  return ownsNetwork(spec) ? [{ type: 'network' }] : [{ type: 'network', path }];
}

function userMappings(
  spec: ContainerSpec,
  { idMap }: HostFacts,
): Pick<RuntimeLinux, 'uidMappings' | 'gidMappings'> {
  const { user } = spec.namespaces;
  if (idMap) return { uidMappings: idMap.uids, gidMappings: idMap.gids };
  if (!user) return {};
  const mapping = [{ containerID: 0, hostID: user.hostId, size: user.size }];
  return { uidMappings: mapping, gidMappings: mapping };
}

function deviceRules({ spec, devices }: RuntimeConfigInput): RuntimeDeviceRule[] {
  if (spec.privileged) return [{ allow: true, access: 'rwm' }];
  const asked = devices.map(({ type, major, minor, access }) => ({
    allow: true,
    type,
    major,
    minor,
    access,
  }));
  return [...defaultDeviceRules, ...asked, ...spec.deviceCgroupRules.map(deviceRule)];
}

function deviceRule({ type, major, minor, access }: SpecDeviceRule): RuntimeDeviceRule {
  return { allow: true, type, ...(major !== null && { major }), ...(minor !== null && { minor }), access };
}

function deviceNode({ path, type, major, minor, mode, uid, gid }: HostDevice): RuntimeDevice {
  return { path, type, major, minor, fileMode: mode, uid, gid };
}

/** linux.resources of the runtime-spec, without devices: only what is limited. */
export function runtimeResources(limits: SpecLimits, host: HostFacts): RuntimeResources {
  const memory = present({
    limit: limits.memory,
    swap: host.swapAccounting ? limits.memorySwap : null,
    reservation: limits.memoryReservation,
    swappiness: limits.memorySwappiness,
    disableOOMKiller: limits.oomKillDisable || null,
  });
  const cpu = present({
    shares: limits.cpuShares,
    quota: limits.cpuQuota,
    period: limits.cpuPeriod,
    cpus: limits.cpusetCpus || null,
    mems: limits.cpusetMems || null,
  });
  return (
    present({
      memory,
      cpu,
      pids: limits.pids === null ? null : { limit: limits.pids },
      blockIO: limits.blkioWeight === null ? null : { weight: limits.blkioWeight },
    }) ?? {}
  );
}

function seccomp(spec: ContainerSpec, host: HostFacts): Pick<RuntimeLinux, 'seccomp'> {
  if (spec.privileged || spec.seccomp === 'unconfined') return {};
  if (spec.seccomp !== 'default')
    return { seccomp: spec.seccomp as unknown as NonNullable<RuntimeLinux['seccomp']> };
  return {
    seccomp: defaultSeccompProfile(effectiveCapabilities(spec.capAdd, spec.capDrop, false), host.arch),
  };
}

function hiddenPaths(spec: ContainerSpec): Pick<RuntimeLinux, 'maskedPaths' | 'readonlyPaths'> {
  const { privileged } = spec;
  return {
    maskedPaths: spec.maskedPaths ?? (privileged ? [] : maskedPaths),
    readonlyPaths: spec.readonlyPaths ?? (privileged ? [] : readonlyPaths),
  };
}

/** Docker's since 20.10, in a network namespace that is the container's own: low ports and ping for every user. */
function sysctls(spec: ContainerSpec, { inUserNamespace }: HostFacts): Pick<RuntimeLinux, 'sysctl'> {
  const own = ownsNetwork(spec) ? { 'net.ipv4.ip_unprivileged_port_start': '0' } : {};
  const ping =
    ownsNetwork(spec) && !spec.namespaces.user && !inUserNamespace
      ? { 'net.ipv4.ping_group_range': '0 2147483647' }
      : {};
  const all = { ...own, ...ping, ...spec.sysctls };
  return Object.keys(all).length > 0 ? { sysctl: all } : {};
}

/** The entries that are not null; null when there are none. */
function present<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: NonNullable<T[K]> } | null {
  const entries = Object.entries(values).filter(([, value]) => value !== null);
  return entries.length > 0 ? (Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> }) : null;
}
