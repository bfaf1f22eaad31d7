import type { ContainerInfo, ContainerState } from '../containers/index.ts';
import { networkSettings } from './network-document.ts';

/** What a container takes on disk, in bytes: what it has written, and that with its image. */
export interface ContainerSizes {
  readonly written: number;
  readonly root: number;
}

/** What `docker inspect` prints of a container, as far as there is such a thing here. */
export function containerDocument(info: ContainerInfo, sizes?: ContainerSizes): Record<string, unknown> {
  const [path = '', ...args] = info.argv;
  return {
    Id: info.id,
    Created: info.createdAt,
    Path: path,
    Args: args,
    State: { ...stateDocument(info.state), ...(info.health && { Health: healthDocument(info.health) }) },
    Image: info.imageId ?? '',
    LogPath: info.logPath ?? '',
    Name: `/${info.name}`,
    RestartCount: restartsOf(info.state),
    Platform: 'linux',
    HostConfig: hostDocument(info),
    ...(sizes && { SizeRw: sizes.written, SizeRootFs: sizes.root }),
    Mounts: info.mounts.map(mountDocument),
    Config: configDocument(info),
    NetworkSettings: networkSettings(info),
  };
}

/** The zero of Go's time.Time. */
const never = '0001-01-01T00:00:00Z';

function stateDocument(state: ContainerState): Record<string, unknown> {
  const running = state.status === 'running' || state.status === 'paused';
  const ended = state.status === 'exited' || state.status === 'restarting';
  return {
    Status: state.status,
    Running: running || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: ended && state.oomKilled,
    Dead: false,
    Pid: running ? state.pid : 0,
    ExitCode: ended ? state.exitCode : 0,
    Error: (ended && state.error) || '',
    StartedAt: state.status === 'created' ? never : state.startedAt,
    FinishedAt: ended ? state.finishedAt : never,
  };
}

function restartsOf(state: ContainerState): number {
  return state.status === 'created' ? 0 : (state.restarts ?? 0);
}

function healthDocument({ status, failingStreak, log }: NonNullable<ContainerInfo['health']>) {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: start,
      End: end,
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

function hostDocument({ limits, ...info }: ContainerInfo): Record<string, unknown> {
  return {
    Binds: info.mounts
      .filter(({ type }) => type === 'bind')
      .map(({ source, target, readOnly }) => `${source}:${target}${readOnly ? ':ro' : ''}`),
    LogConfig: { Type: info.log.driver, Config: {} },
    NetworkMode: info.network,
    PortBindings: asked(info.publishes),
    PidMode: modeText(info.namespaces.pid),
    IpcMode: info.namespaces.ipc,
    UTSMode: modeText(info.namespaces.uts),
    CgroupnsMode: info.namespaces.cgroup,
    CgroupParent: `/${info.cgroupParent}`,
    CapAdd: info.capAdd,
    CapDrop: info.capDrop,
    SecurityOpt: securityOptions(info.security),
    Devices: info.devices.map(({ path, target, access }) => ({
      PathOnHost: path,
      PathInContainer: target,
      CgroupPermissions: access,
    })),
    Sysctls: info.sysctls,
    Annotations: info.annotations,
    RestartPolicy: { Name: info.restart.policy, MaximumRetryCount: info.restart.maximumRetries },
    AutoRemove: info.autoRemove,
    Privileged: info.privileged,
    ReadonlyRootfs: info.readOnly,
    Memory: limits.memory ?? 0,
    MemoryReservation: limits.memoryReservation ?? 0,
    CpuShares: limits.cpuShares ?? 0,
    CpuQuota: limits.cpuQuota ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    PidsLimit: limits.pids,
    ShmSize: limits.shmSize,
  };
}

/** docker's map of what was asked to be published. */
function asked(ports: ContainerInfo['publishes']) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { containerPort, protocol, hostIp, hostPort } of ports) {
    const key = `${containerPort}/${protocol}`;
    const binding = { HostIp: hostIp, HostPort: hostPort === 0 ? '' : String(hostPort) };
    bindings[key] = [...(bindings[key] ?? []), binding];
  }
  return bindings;
}

/** docker leaves out what is its default. */
function modeText(mode: string): string {
  return mode === 'private' ? '' : mode;
}

/** As they were given on the command line. */
function securityOptions({
  seccomp,
  noNewPrivileges,
  apparmor,
  label,
  writableCgroups,
}: ContainerInfo['security']) {
  return [
    ...(seccomp === 'default'
      ? []
      : [`seccomp=${typeof seccomp === 'string' ? seccomp : JSON.stringify(seccomp)}`]),
    ...(noNewPrivileges ? ['no-new-privileges'] : []),
    ...(apparmor === null ? [] : [`apparmor=${apparmor}`]),
    ...(label === null ? [] : [`label=${label}`]),
    ...(writableCgroups ? ['writable-cgroups=true'] : []),
  ];
}

function mountDocument({ type, source, target, readOnly, name }: ContainerInfo['mounts'][number]) {
  return { Type: type, ...(name && { Name: name }), Source: source, Destination: target, RW: !readOnly };
}

function configDocument(info: ContainerInfo): Record<string, unknown> {
  return {
    Hostname: info.hostname,
    User: info.user,
    Tty: info.tty,
    OpenStdin: info.stdin,
    Env: info.env,
    ...(info.exposedPorts.length > 0 && {
      ExposedPorts: Object.fromEntries(info.exposedPorts.map((port) => [port, {}])),
    }),
    Cmd: info.argv,
    Image: info.image,
    WorkingDir: info.cwd,
    Labels: info.labels,
    StopSignal: info.stopSignal,
  };
}
