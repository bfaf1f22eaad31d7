import type { Readable } from 'node:stream';

/** Bytes: a number, or a string with docker's binary units ("512m", "2g", "64kb"). */
export type ByteSize = number | string;

/**
 * What a container is made of, in the library's own words. Everything has docker's default, but the network: it is
 * `none` (a loopback interface only). Strings are parsed by `parseContainerOptions` before any effect; a bad one is
 * ERR_CONTAINER_OPTION_INVALID that names the option.
 */
export interface ContainerOptions {
  /** [a-zA-Z0-9][a-zA-Z0-9_.-]+; ERR_CONTAINER_NAME_IN_USE. Default: generated. */
  name?: string;
  /** Arguments: after the image's entrypoint if it has one, else the command itself. Default: the image's. */
  argv?: readonly string[];
  /** Replaces the image's entrypoint, and drops the image's arguments; [] removes it. */
  entrypoint?: readonly string[];
  /** Added to the image's environment. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** "name", "uid", "name:group", "uid:gid", resolved in the container's own /etc/passwd and /etc/group. */
  user?: string;
  /** Additional groups, names or numbers. */
  groups?: readonly string[];
  /** Gives the command a terminal; its stderr is then part of stdout. */
  tty?: boolean;
  /** Keeps stdin open for whoever attaches; without it the command reads end-of-file at once. */
  stdin?: boolean;
  /** Default: the first 12 digits of the id; on the host's network the host's. */
  hostname?: string;
  domainname?: string;
  /** Lines of /etc/hosts: name to address. "host-gateway" is the host, as the container sees it on its first network. */
  extraHosts?: Readonly<Record<string, string>>;
  dns?: {
    readonly servers?: readonly string[];
    readonly search?: readonly string[];
    readonly options?: readonly string[];
  };
  mounts?: readonly ContainerMount[];
  /** Containers whose volumes and binds it has as well, where they have them; `mounts` come before these. */
  volumesFrom?: readonly VolumesFromOption[];
  /**
   * `none` (default): loopback only. `host`: the host's own. A network by its name, `bridge` being the default network.
   * A path: that network namespace (/run/netns/x). A container: the namespace of that one, which runs.
   */
  network?: string | { readonly path: string } | { readonly container: string };
  /** Several networks, in the order of the interfaces: the first that leads outside has the default route. Instead of `network`. */
  networks?: readonly NetworkOption[];
  /** What of the host leads to it; needs a network that is a bridge. */
  ports?: readonly PortOption[];
  /** `80`, `80/udp`, `8000-8010`: for publishAll, beside what the image exposes. */
  expose?: readonly string[];
  /** Publishes all exposed ports, at ports of the host that are free. */
  publishAll?: boolean;
  /** Names of other containers on its networks for its /etc/hosts, as their addresses are when it starts. */
  links?: readonly { readonly container: string; readonly alias?: string }[];
  /** The root file system cannot be written; mounts still can. */
  readOnly?: boolean;
  /** All capabilities, all devices, no seccomp, nothing masked: root on the host in all but name. */
  privileged?: boolean;
  /** Capability names with or without CAP_, or "ALL". */
  capAdd?: readonly string[];
  capDrop?: readonly string[];
  security?: SecurityOptions;
  limits?: ResourceLimits;
  devices?: readonly DeviceOption[];
  /** "c 42:* rmw", as docker's --device-cgroup-rule. */
  deviceCgroupRules?: readonly string[];
  sysctls?: Readonly<Record<string, string>>;
  /** Runs a tiny init as process 1 that reaps zombies and forwards signals. */
  init?: boolean;
  labels?: Readonly<Record<string, string>>;
  /** Sent by stop(); "SIGTERM", "TERM" or "15". Default: the image's, else SIGTERM. */
  stopSignal?: string;
  /** Seconds that stop() waits before SIGKILL. Default 10. */
  stopTimeout?: number;
  /** Removes the container, its log and its anonymous volumes when it ends. Nothing of it is then synced to disk. */
  autoRemove?: boolean;
  /**
   * Whether it is started again when it has ended. Its monitor does that, with no other process alive; after a reboot
   * `startRestartable()` does. stop() and kill() end it for good. Default `no`; not with `autoRemove`.
   */
  restart?: RestartOption;
  /** How to see whether it works. Default: the image's HEALTHCHECK, if it has one; `false`: none. */
  health?: HealthOption | false;
  /** "linux/arm64"; default: this machine's. */
  platform?: string;
  /** Default `missing`. */
  pull?: 'missing' | 'always' | 'never';
  log?: LogOptions;
  /** Paths of the root file system that are covered: a directory looks empty, a file like /dev/null. */
  hide?: readonly string[];
  /** `host` shares the host's namespace instead of a new one. */
  namespaces?: NamespaceOptions;
}

/** Which namespaces are new, and which are the host's own. */
export interface NamespaceOptions {
  pid?: 'private' | 'host';
  ipc?: 'private' | 'host';
  uts?: 'private' | 'host';
  cgroup?: 'private' | 'host';
  /** Maps the container's ids 0…size-1 to hostId… in a user namespace of its own. */
  user?: { readonly hostId: number; readonly size?: number };
}

/** Confinement beyond capabilities; docker's defaults where nothing is said. */
export interface SecurityOptions {
  /** An OCI seccomp profile as an object, docker's default allow-list, or none. */
  seccomp?: 'default' | 'unconfined' | Readonly<Record<string, unknown>>;
  /** setuid programs and file capabilities give no more rights. */
  noNewPrivileges?: boolean;
  /** Replace docker's list. */
  maskedPaths?: readonly string[];
  readonlyPaths?: readonly string[];
}

/** `on-failure`: after an exit code that is not 0; `maximumRetries` bounds how often. */
export type RestartOption =
  | RestartPolicyName
  | { readonly policy: RestartPolicyName; readonly maximumRetries?: number };
export type RestartPolicyName = 'no' | 'always' | 'unless-stopped' | 'on-failure';

/** A command that the container's monitor executes in it again and again; 0 is healthy. Times are in milliseconds. */
export interface HealthOption {
  /** A line for /bin/sh, or a command and its arguments. Default: the image's. */
  test?: string | readonly string[];
  /** Between two checks. Default 30 s. */
  interval?: number;
  /** After which a check is killed and has failed. Default 30 s. */
  timeout?: number;
  /** In which failures do not count until the first success. Default 0. */
  startPeriod?: number;
  /** Between two checks in the start period. Default 5 s. */
  startInterval?: number;
  /** Failures in a row that make it unhealthy. Default 3. */
  retries?: number;
  /** Stops the container when it becomes unhealthy, so that its restart policy starts it again. */
  restartOnUnhealthy?: boolean;
}

/** Limits are docker's; absent means unlimited. */
export interface ResourceLimits {
  memory?: ByteSize;
  /** Memory and swap together; "-1" unlimited. Default: twice the memory. */
  memorySwap?: ByteSize;
  memoryReservation?: ByteSize;
  memorySwappiness?: number;
  oomKillDisable?: boolean;
  /** CPUs' worth of time: 1.5. */
  cpus?: number;
  cpuShares?: number;
  /** Microseconds. */
  cpuQuota?: number;
  cpuPeriod?: number;
  /** "0-2,4". */
  cpusetCpus?: string;
  cpusetMems?: string;
  pids?: number;
  blkioWeight?: number;
  /** "nofile": 1024, or { soft, hard }; -1 is unlimited. */
  ulimits?: Readonly<Record<string, number | { readonly soft: number; readonly hard: number }>>;
  /** Size of /dev/shm. Default 64m. */
  shmSize?: ByteSize;
  /** -1000…1000. */
  oomScoreAdj?: number;
}

/** What stands at an absolute path of the container. */
export type ContainerMount = BindMountOption | TmpfsMountOption | VolumeMountOption;
/** How mounts below travel between host and container: mount_namespaces(7), "Shared subtrees". */
export type Propagation = 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';

/** A file or directory of this machine. */
export interface BindMountOption {
  type: 'bind';
  /** Absolute. */
  source: string;
  target: string;
  readOnly?: boolean;
  propagation?: Propagation;
  /** Makes an absent source a directory (docker's -v); otherwise it is ERR_MOUNT_SOURCE_NOT_FOUND. */
  createSource?: boolean;
}

/** A file system in memory, empty at each start. */
export interface TmpfsMountOption {
  type: 'tmpfs';
  target: string;
  size?: ByteSize;
  /** Permission bits; default 0o1777. */
  mode?: number;
  /** More mount options: "noexec", "uid=1000". Default: nosuid, nodev, noexec. */
  options?: readonly string[];
}

/** A directory that the engine keeps. Without a name it is anonymous and is removed with `remove({ volumes: true })`. */
export interface VolumeMountOption {
  type: 'volume';
  name?: string;
  target: string;
  readOnly?: boolean;
  /** Whether a volume that is empty starts with what the image has at the target. Default true. */
  copy?: boolean;
}

/** A container, by name or id, that must exist when this one is made. */
export interface VolumesFromOption {
  container: string;
  /** Also what can be written there. */
  readOnly?: boolean;
}

/** How a container is on a network. */
export interface NetworkOption {
  /** The network's name or id. */
  name: string;
  /** Further names that others on the network find it by. */
  aliases?: readonly string[];
  /** One of the network's addresses. Default: one that is free. */
  ip?: string;
  ip6?: string;
  /** "02:42:ac:11:00:02" */
  mac?: string;
}

/** A port of the container, or a range ("8000-8010"), that is reached by one of the host. */
export interface PortOption {
  containerPort: number | string;
  /** A port, or a range: as many as of the container, or the first that is free. Default: any that is free. */
  hostPort?: number | string;
  /** An address of the host. Default: all of them, of both families. */
  hostIp?: string;
  protocol?: 'tcp' | 'udp';
}

/** A device of the host that the container may use. */
export interface DeviceOption {
  /** A device node on this machine. */
  path: string;
  /** Default: the same path. */
  target?: string;
  /** Default "rwm". */
  access?: string;
}

/** What is kept of the output of a container. */
export interface LogOptions {
  /** Default `json-file`; `none` keeps nothing. */
  driver?: 'json-file' | 'none';
  /** Bytes of one file, after which it is rotated; -1: unlimited, until the disk is full. Default 64m. */
  maxSize?: ByteSize;
  /** Files kept, the current one included; the oldest is dropped. Default 2. */
  maxFile?: number;
}

/** For `run`: the container's options, and how the result is taken. */
export interface RunOptions extends Omit<ContainerOptions, 'argv' | 'autoRemove' | 'stdin'> {
  /** What the command reads from stdin; default nothing. */
  input?: string | Uint8Array | Readable;
  /** Kills and removes; rejects with ERR_ABORTED. */
  signal?: AbortSignal | undefined;
  /** Milliseconds; then it is killed and removed and the call rejects with ERR_TIMEOUT, output so far in `details`. */
  timeout?: number;
  /** Bytes, for each of stdout and stderr; more kills it and is ERR_OUTPUT_TOO_LARGE. Default 16 MiB. */
  maxOutput?: number;
  encoding?: 'utf8' | 'buffer';
}

/** How a `run` ended and what it wrote. */
export interface RunResult<Output = string> {
  /** 128+n after a signal. */
  readonly exitCode: number;
  /** "SIGKILL", if one ended it. */
  readonly signal?: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** The memory limit killed a process of it. */
  readonly oomKilled: boolean;
  /** What this machine did not allow, and the container went without. */
  readonly warnings: readonly ContainerWarning[];
}

/** A setting that was left at what the machine allows, or a log that cannot be written any more. */
export interface ContainerWarning {
  /** ERR_RLIMIT_FAILED, ERR_LOG_FAILED and the like. */
  readonly code: string;
  readonly message: string;
}
