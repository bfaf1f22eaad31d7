import type { ContainerInfo, ContainerSpec } from '../../containers/index.ts';

type Mount = ContainerSpec['mounts'][number];

/** docker's HostConfig of a container: what it was asked for, whoever made it. */
export function hostConfigDocument({ spec, ...info }: ContainerInfo) {
  return {
    ...mountFields(spec),
    ContainerIDFile: '',
    LogConfig: { Type: spec.log.driver, Config: logConfig(spec.log) },
    NetworkMode: info.network,
    PortBindings: portBindings(info.publishes),
    RestartPolicy: { Name: spec.restart.policy, MaximumRetryCount: spec.restart.maximumRetries },
    AutoRemove: spec.autoRemove,
    VolumeDriver: '',
    ConsoleSize: [0, 0],
    CapAdd: orNull(spec.capAdd),
    CapDrop: orNull(spec.capDrop),
    CgroupnsMode: spec.namespaces.cgroup,
    Dns: spec.dns.servers,
    DnsOptions: spec.dns.options,
    DnsSearch: spec.dns.search,
    ExtraHosts: orNull(spec.extraHosts.map((pair) => pair.join(':'))),
    GroupAdd: orNull(spec.groups),
    IpcMode: spec.namespaces.ipc,
    Cgroup: '',
    Links: orNull(spec.links.map(({ container, alias }) => `/${container}:/${info.name}/${alias}`)),
    OomScoreAdj: spec.limits.oomScoreAdj ?? 0,
    PidMode: modeText(spec.namespaces.pid),
    Privileged: spec.privileged,
    PublishAllPorts: spec.publishAll,
    ReadonlyRootfs: spec.readOnly,
    SecurityOpt: orNull(securityTexts(spec)),
    ...(spec.storageSize !== null && { StorageOpt: { size: String(spec.storageSize) } }),
    UTSMode: modeText(spec.namespaces.uts),
    UsernsMode: '',
    ShmSize: spec.limits.shmSize,
    ...(Object.keys(spec.sysctls).length > 0 && { Sysctls: spec.sysctls }),
    ...(Object.keys(spec.annotations).length > 0 && { Annotations: spec.annotations }),
    Runtime: 'runc',
    Isolation: '',
    ...limitFields(spec),
    CgroupParent: spec.cgroupParent === 'strake' ? '' : `/${spec.cgroupParent}`,
    Devices: spec.devices.map(({ path, target, access }) => ({
      PathOnHost: path,
      PathInContainer: target,
      CgroupPermissions: access,
    })),
    DeviceCgroupRules: orNull(spec.deviceCgroupRules.map(ruleText)),
    DeviceRequests:
      spec.cdiDevices.length > 0
        ? [{ Driver: 'cdi', Count: 0, DeviceIDs: spec.cdiDevices, Capabilities: null, Options: null }]
        : null,
    MaskedPaths: spec.privileged ? null : (spec.maskedPaths ?? defaultMaskedPaths),
    ReadonlyPaths: spec.privileged ? null : (spec.readonlyPaths ?? defaultReadonlyPaths),
    ...(spec.init && { Init: true }),
  };
}

const defaultMaskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const defaultReadonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** What `-v` would have made is a bind; what only `--mount` can say is a mount. */
function mountFields({ mounts, volumesFrom }: ContainerSpec) {
  const binds = mounts.filter(isBind);
  const tmpfs = mounts.flatMap((mount) => (mount.type === 'tmpfs' ? [[mount.target, tmpfsText(mount)]] : []));
  const others = mounts.filter((mount) => !isBind(mount) && mount.type !== 'tmpfs' && !isAnonymous(mount));
  return {
    Binds: orNull(binds.map(bindText)),
    ...(others.length > 0 && { Mounts: others.map(mountDocument) }),
    ...(tmpfs.length > 0 && { Tmpfs: Object.fromEntries(tmpfs) as Record<string, string> }),
    VolumesFrom: orNull(volumesFrom.map(({ container, readOnly }) => `${container}${readOnly ? ':ro' : ''}`)),
  };
}

function isBind(mount: Mount): boolean {
  if (mount.type === 'bind') return mount.createSource && mount.recursive === 'enabled';
  return mount.type === 'volume' && isPlainVolume(mount);
}

function isPlainVolume(mount: Extract<Mount, { type: 'volume' }>): boolean {
  const { name, subpath, labels, driverOptions } = mount;
  return name !== null && subpath === null && Object.keys({ ...labels, ...driverOptions }).length === 0;
}

function isAnonymous(mount: Mount): boolean {
  return mount.type === 'volume' && mount.name === null;
}

function bindText(mount: Mount): string {
  if (mount.type !== 'bind' && mount.type !== 'volume') return '';
  const source = mount.type === 'bind' ? mount.source : mount.name;
  const words = [
    ...(mount.readOnly ? ['ro'] : []),
    ...(mount.type === 'bind' && mount.propagation !== 'rprivate' ? [mount.propagation] : []),
    ...(mount.type === 'volume' && !mount.copy ? ['nocopy'] : []),
  ];
  return [source, mount.target, ...(words.length > 0 ? [words.join(',')] : [])].join(':');
}

function tmpfsText({ size, mode, options }: Extract<Mount, { type: 'tmpfs' }>): string {
  return [
    ...options,
    ...(size === null ? [] : [`size=${size}`]),
    ...(mode === null ? [] : [`mode=${mode.toString(8)}`]),
  ].join(',');
}

function mountDocument(mount: Mount) {
  const { type, target: Target } = mount;
  switch (type) {
    case 'bind':
      return {
        Type: type,
        Source: mount.source,
        Target,
        ...(mount.readOnly && { ReadOnly: true }),
        BindOptions: {
          Propagation: mount.propagation,
          ...(mount.recursive === 'disabled' && { NonRecursive: true }),
          ...(mount.recursive === 'writable' && { ReadOnlyNonRecursive: true }),
          ...(mount.recursive === 'readonly' && { ReadOnlyForceRecursive: true }),
          ...(mount.createSource && { CreateMountpoint: true }),
        },
      };
    case 'volume':
      return {
        Type: type,
        Source: mount.name ?? '',
        Target,
        ...(mount.readOnly && { ReadOnly: true }),
        VolumeOptions: {
          ...(!mount.copy && { NoCopy: true }),
          ...(mount.subpath && { Subpath: mount.subpath }),
          Labels: mount.labels,
          DriverConfig: { Name: 'local', Options: mount.driverOptions },
        },
      };
    case 'image':
      return {
        Type: type,
        Source: mount.image,
        Target,
        ReadOnly: true,
        ...(mount.subpath && { ImageOptions: { Subpath: mount.subpath } }),
      };
    case 'tmpfs':
      return { Type: type, Target };
  }
}

function limitFields({ limits }: ContainerSpec) {
  const devices = (limit: string, rate: 'Rate' | 'Weight') =>
    orNull(
      limits.blkioDevices
        .filter((device) => device.limit === limit)
        .map((device) => ({ Path: device.path, [rate]: device.rate })),
    );
  return {
    Memory: limits.memory ?? 0,
    MemorySwap: limits.memorySwap ?? 0,
    MemoryReservation: limits.memoryReservation ?? 0,
    MemorySwappiness: limits.memorySwappiness,
    OomKillDisable: limits.oomKillDisable,
    ...cpuFields(limits),
    CpusetCpus: limits.cpusetCpus,
    CpusetMems: limits.cpusetMems,
    PidsLimit: limits.pids,
    BlkioWeight: limits.blkioWeight ?? 0,
    BlkioWeightDevice: devices('weightDevice', 'Weight') ?? [],
    BlkioDeviceReadBps: devices('throttleReadBpsDevice', 'Rate'),
    BlkioDeviceWriteBps: devices('throttleWriteBpsDevice', 'Rate'),
    BlkioDeviceReadIOps: devices('throttleReadIOPSDevice', 'Rate'),
    BlkioDeviceWriteIOps: devices('throttleWriteIOPSDevice', 'Rate'),
    Ulimits: limits.ulimits.map(({ type, soft, hard }) => ({
      Name: type.replace(/^RLIMIT_/, '').toLowerCase(),
      Soft: soft,
      Hard: hard,
    })),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

/** A quota of the default period is what `--cpus` gives; docker then shows NanoCpus alone. */
function cpuFields({ cpuShares, cpuQuota, cpuPeriod, cpuRtPeriod, cpuRtRuntime }: ContainerSpec['limits']) {
  const isCpus = cpuPeriod === 100_000 && cpuQuota !== null && cpuQuota > 0;
  return {
    NanoCpus: isCpus ? cpuQuota * 10_000 : 0,
    CpuShares: cpuShares ?? 0,
    CpuPeriod: isCpus ? 0 : (cpuPeriod ?? 0),
    CpuQuota: isCpus ? 0 : (cpuQuota ?? 0),
    CpuRealtimePeriod: cpuRtPeriod ?? 0,
    CpuRealtimeRuntime: cpuRtRuntime ?? 0,
  };
}

/** docker's map of what was asked to be published. */
function portBindings(ports: ContainerSpec['ports']) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { containerPort, protocol, hostIp, hostPort, hostPortEnd } of ports) {
    const key = `${containerPort}/${protocol}`;
    const range = hostPortEnd > hostPort ? `${hostPort}-${hostPortEnd}` : String(hostPort);
    const binding = { HostIp: hostIp, HostPort: hostPort === 0 ? '' : range };
    bindings[key] = [...(bindings[key] ?? []), binding];
  }
  return bindings;
}

function logConfig({ maxSize, maxFile, compress }: ContainerSpec['log']): Record<string, string> {
  return {
    'max-size': String(maxSize ?? -1),
    'max-file': String(maxFile),
    ...(compress && { compress: 'true' }),
  };
}

function securityTexts(spec: ContainerSpec): string[] {
  const { seccomp, noNewPrivileges, apparmor, label, writableCgroups } = spec;
  const profile = typeof seccomp === 'string' ? seccomp : JSON.stringify(seccomp);
  return [
    ...(seccomp === 'default' ? [] : [`seccomp=${profile}`]),
    ...(noNewPrivileges ? ['no-new-privileges'] : []),
    ...(apparmor === null ? [] : [`apparmor=${apparmor}`]),
    ...(label === null ? [] : [`label=${label}`]),
    ...(writableCgroups ? ['writable-cgroups=true'] : []),
  ];
}

function ruleText({ type, major, minor, access }: ContainerSpec['deviceCgroupRules'][number]): string {
  return `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}

/** docker leaves out what is its default. */
function modeText(mode: string): string {
  return mode === 'private' ? '' : mode;
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null;
}
