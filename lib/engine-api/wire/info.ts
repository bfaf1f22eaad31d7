import type { SystemInfo } from '../../engine/index.ts';
import { machineName } from './architecture.ts';

/** What of the machine and its configuration the answer has beside the engine's own account. */
export interface InfoParts {
  readonly info: SystemInfo;
  readonly version: string;
  /** The API's minor version. */
  readonly minor: number;
  /** Of this root, the same at every start. */
  readonly id: string;
  readonly now: Date;
  readonly environment: NodeJS.ProcessEnv;
  readonly files: number;
  readonly listeners: number;
  readonly ipv4Forwarding: boolean;
}

/** Docker's SystemInfo. */
export function infoDocument(parts: InfoParts): Record<string, unknown> {
  const { info, environment } = parts;
  return {
    ID: parts.id,
    Containers: info.containers.total,
    ContainersRunning: info.containers.running,
    ContainersPaused: info.containers.paused,
    ContainersStopped: info.containers.stopped,
    Images: info.images,
    Driver: 'overlay2',
    DriverStatus: [['Layers', info.snapshotter]],
    DockerRootDir: info.root,
    Plugins: plugins,
    ...limits(info),
    IPv4Forwarding: parts.ipv4Forwarding,
    ...(parts.minor < 50 && { BridgeNfIptables: false, BridgeNfIp6tables: false }),
    Debug: false,
    NFd: parts.files,
    NGoroutines: 1,
    SystemTime: parts.now.toISOString(),
    LoggingDriver: 'json-file',
    NEventsListener: parts.listeners,
    KernelVersion: info.kernel,
    OperatingSystem: info.operatingSystem,
    OSVersion: '',
    OSType: 'linux',
    Architecture: machineName(info.architecture),
    NCPU: info.cpus,
    MemTotal: info.memory,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig,
    GenericResources: null,
    HttpProxy: withoutPassword(environment.HTTP_PROXY ?? environment.http_proxy),
    HttpsProxy: withoutPassword(environment.HTTPS_PROXY ?? environment.https_proxy),
    NoProxy: environment.NO_PROXY ?? environment.no_proxy ?? '',
    Name: info.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: parts.version,
    ...runtimes(info),
    Swarm: noSwarm,
    LiveRestoreEnabled: true,
    InitBinary: 'strake-init',
    ContainerdCommit: noCommit,
    RuncCommit: noCommit,
    InitCommit: noCommit,
    SecurityOptions: securityOptions(info),
    ProductLicense: '',
    Warnings: warnings(info),
  };
}

const plugins = {
  Volume: ['local'],
  Network: ['bridge', 'host', 'macvlan', 'null'],
  Authorization: null,
  Log: ['json-file', 'local', 'none'],
};

const noCommit = { ID: '', Expected: '' };

/** Of a node that is in no swarm. */
const noSwarm = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'inactive',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
};

/** Containers outlive every program here: what other engines call "live restore". Which limits there are, controllers tell. */
function limits({ cgroupControllers, cgroupLayout }: SystemInfo) {
  const has = (controller: string) => cgroupControllers.includes(controller);
  return {
    MemoryLimit: has('memory'),
    SwapLimit: has('memory'),
    KernelMemory: false,
    KernelMemoryTCP: false,
    CpuCfsPeriod: has('cpu'),
    CpuCfsQuota: has('cpu'),
    CPUShares: has('cpu'),
    CPUSet: has('cpuset'),
    PidsLimit: has('pids'),
    OomKillDisable: has('memory') && cgroupLayout !== 'v2',
    CgroupDriver: cgroupLayout === 'none' ? 'none' : 'cgroupfs',
    CgroupVersion: cgroupLayout === 'v2' ? '2' : '1',
  };
}

/** Registries on this machine may do without TLS; others as the configuration says, which mirrors are in, too. */
const registryConfig = {
  AllowNondistributableArtifactsCIDRs: [],
  AllowNondistributableArtifactsHostnames: [],
  InsecureRegistryCIDRs: ['127.0.0.0/8', '::1/128'],
  IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } },
  Mirrors: [],
};

/** Both names lead to the same: clients ask for `runc`. */
function runtimes({ ociRuntime }: SystemInfo) {
  const path = ociRuntime ?? 'strake-runtime';
  return { Runtimes: { strake: { path }, runc: { path } }, DefaultRuntime: 'strake' };
}

function securityOptions({ securityModules, user, cgroupLayout }: SystemInfo): string[] {
  return [
    ...(securityModules.includes('apparmor') ? ['name=apparmor'] : []),
    'name=seccomp,profile=default',
    ...(securityModules.includes('selinux') ? ['name=selinux'] : []),
    ...(user.uid === 0 ? [] : ['name=rootless']),
    ...(cgroupLayout === 'v2' ? ['name=cgroupns'] : []),
  ];
}

function warnings({ cgroupControllers }: SystemInfo): string[] {
  const missing = ['memory', 'cpu', 'cpuset', 'pids'].filter((name) => !cgroupControllers.includes(name));
  return missing.map((name) => `WARNING: No ${name} limit support`);
}

function withoutPassword(url: string | undefined): string {
  return url?.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1xxxxx:xxxxx@') ?? '';
}
