import type { IdMap } from '../id-map/index.ts';
import type {
  RuntimeDevice,
  RuntimeDeviceRule,
  RuntimeLinux,
  RuntimeNamespace,
  RuntimeResources,
} from '../oci/index.ts';
import { effectiveCapabilities } from './capabilities.ts';
import { defaultSeccompProfile } from './default-seccomp.ts';
import type { JoinedContainers } from './joined.ts';
import type { BlockDevices, HostDevice, HostFacts, RuntimeConfigInput } from './runtime-config.ts';
import { seccompProfile } from './seccomp-profile.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecDeviceRule } from './spec-devices.ts';
import type { BlkioDeviceLimit, SpecLimits } from './spec-limits.ts';
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
    cgroupsPath: `/${spec.cgroupParent}/${id}`,
    namespaces: namespaces(input),
    ...userMappings(input.idMap),
    // Which devices a user namespace can use is what was bound into it; a user may attach no rules.
    resources: {
      ...(!host.inUserNamespace && { devices: deviceRules(input) }),
      ...runtimeResources(spec.limits, host, input.blockDevices),
    },
    ...(input.devices.length > 0 && { devices: input.devices.map(deviceNode) }),
    ...seccomp(spec, host),
    ...hiddenPaths(spec),
    ...sysctls(input),
  };
}

/** That of another container as /proc has it at this start; its monitor looks for it again (native/monitor/joins.h). */
function namespaces({ spec, idMap, joined = {} }: RuntimeConfigInput): RuntimeNamespace[] {
  const { pid, ipc, uts, cgroup } = spec.namespaces;
  const own = (type: RuntimeNamespace['type'], mode: string): RuntimeNamespace[] =>
    mode === 'host' ? [] : [{ type }];
  const shared = (type: 'pid' | 'ipc' | 'network') => {
    const donor = joined[type];
    return donor && [{ type, path: `/proc/${donor.pid}/ns/${type === 'network' ? 'net' : type}` }];
  };
  return [
    { type: 'mount' },
    ...(shared('pid') ?? own('pid', pid)),
    ...(shared('ipc') ?? own('ipc', ipc)),
    ...own('uts', uts),
    ...own('cgroup', cgroup),
    ...(shared('network') ?? networkNamespace(spec)),
    ...(idMap ? [userNamespace(joined)] : []),
  ];
}

function userNamespace(joined: JoinedContainers): RuntimeNamespace {
  const donor = Object.values(joined).find(({ inUserNamespace }) => inUserNamespace);
  return donor ? { type: 'user', path: `/proc/${donor.pid}/ns/user` } : { type: 'user' };
}

function networkNamespace(spec: ContainerSpec): RuntimeNamespace[] {
  if (spec.network === 'host') return [];
  return ownsNetwork(spec) ? [{ type: 'network' }] : [{ type: 'network', path: spec.network }];
}

function userMappings(idMap: IdMap | null): Pick<RuntimeLinux, 'uidMappings' | 'gidMappings'> {
  return idMap === null ? {} : { uidMappings: idMap.uids, gidMappings: idMap.gids };
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
export function runtimeResources(
  limits: SpecLimits,
  host: HostFacts,
  blockDevices: BlockDevices = {},
): RuntimeResources {
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
    realtimeRuntime: limits.cpuRtRuntime ?? null,
    realtimePeriod: limits.cpuRtPeriod ?? null,
  });
  return (
    present({
      memory,
      cpu,
      pids: limits.pids === null ? null : { limit: limits.pids },
      blockIO: blockIo(limits, blockDevices),
    }) ?? {}
  );
}

function blockIo(limits: SpecLimits, blockDevices: BlockDevices): RuntimeResources['blockIO'] | null {
  const throttles: Partial<Record<BlkioDeviceLimit, object[]>> = {};
  for (const { limit, path, rate } of limits.blkioDevices ?? []) {
    const value = limit === 'weightDevice' ? { weight: rate } : { rate };
    const number = blockDevices[path];
    if (number) throttles[limit] = [...(throttles[limit] ?? []), { ...number, ...value }];
  }
  return present({ weight: limits.blkioWeight, ...throttles }) as RuntimeResources['blockIO'] | null;
}

/** docker's order: privileged and unconfined before all, then a profile of one's own. */
function seccomp(spec: ContainerSpec, host: HostFacts): Pick<RuntimeLinux, 'seccomp'> {
  if (spec.privileged || spec.seccomp === 'unconfined') return {};
  const capabilities = effectiveCapabilities(spec.capAdd, spec.capDrop, false);
  if (spec.seccomp === 'default') return { seccomp: defaultSeccompProfile(capabilities, host.arch) };
  return {
    seccomp: seccompProfile(spec.seccomp, { capabilities, arch: host.arch, kernel: host.kernel ?? '0' }),
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
function sysctls({ spec, host, idMap }: RuntimeConfigInput): Pick<RuntimeLinux, 'sysctl'> {
  const own = ownsNetwork(spec) ? { 'net.ipv4.ip_unprivileged_port_start': '0' } : {};
  const ping =
    ownsNetwork(spec) && !idMap && !host.inUserNamespace
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
