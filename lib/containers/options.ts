import type { Readable } from 'node:stream';
import type { IdRange } from '../id-map/index.ts';

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
  /**
   * Whether stdin ends with what the client sent that was attached to it first. Default: with the client that the container was
   * started for, if that has no terminal.
   */
  stdinOnce?: boolean;
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
   * `container:NAME`: that of a container which runs when this one is started, with its /etc/hosts and /etc/resolv.conf. A
   * path: join that network namespace (/run/netns/x).
   */
  network?: string | { readonly path: string };
  /** Several networks, in the order of the interfaces: the first that leads outside has the default route. Instead of `network`. */
  networks?: readonly NetworkOption[];
  /** What of the host leads to it; needs a network that is a bridge. */
  ports?: readonly PortOption[];
  /** Publishes all exposed ports, at ports of the host that are free. */
  publishAll?: boolean;
  /** Names of other containers on its networks for its /etc/hosts, as their addresses are when it starts. */
  links?: readonly { readonly container: string; readonly alias?: string }[];
  /**
   * How much it may write outside of mounts. Only where the root's file system has project quotas (xfs, ext4 with prjquota):
   * else ERR_STORAGE_SIZE_UNSUPPORTED.
   */
  storageSize?: ByteSize;
  /** The root file system cannot be written; mounts still can. */
  readOnly?: boolean;
  /** All capabilities, all devices, no seccomp, nothing masked: root on the host in all but name. */
  privileged?: boolean;
  /** Capability names with or without CAP_, or "ALL". */
  capAdd?: readonly string[];
  capDrop?: readonly string[];
  security?: SecurityOptions;
  limits?: ResourceLimits;
  /** Devices of this machine by their paths, or by their CDI names: "vendor.com/class=name" (docs/containers.md). */
  devices?: readonly (DeviceOption | string)[];
  /** "c 42:* rmw", as docker's --device-cgroup-rule. */
  deviceCgroupRules?: readonly string[];
  sysctls?: Readonly<Record<string, string>>;
  /** Runs a tiny init as process 1 that reaps zombies and forwards signals. */
  init?: boolean;
  labels?: Readonly<Record<string, string>>;
  /** Handed to the runtime in config.json, and so to hooks and seccomp agents. */
  annotations?: Readonly<Record<string, string>>;
  /** Ports it listens on: "80", "53/udp", "8000-8010". Only recorded: nothing is published by it. */
  expose?: readonly string[];
  /** The cgroup that its own is made in, and whose limits it shares: "/batch". Default "strake". It stays when the container goes. */
  cgroupParent?: string;
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
  /** `host` shares the host's namespace instead of a new one, `container:NAME` another container's. */
  namespaces?: NamespaceOptions;
}

/**
 * Which namespaces are new, the host's own, or another container's. That one must run whenever this one is started, and is
 * looked for again at each restart by policy. A shared namespace lives as long as one that has it does, but a pid namespace,
 * in which all are killed when the container whose it is ends.
 */
export interface NamespaceOptions {
  pid?: 'private' | 'host' | `container:${string}`;
  /** `none`: private without /dev/shm. `shareable`: private, and other containers may join it, /dev/shm with it. */
  ipc?: 'private' | 'host' | 'none' | 'shareable' | `container:${string}`;
  uts?: 'private' | 'host';
  cgroup?: 'private' | 'host';
  /** Default: the engine's (EngineOptions.userns), which is `host` unless it is configured. */
  user?: UserNamespaceOption;
}

/**
 * Whose ids a container has. `host`: the machine's (an ordinary user's engine: his, always). `auto`: a range that no other
 * container of this root has. `remap`: the ids that /etc/subuid and /etc/subgid give to one user for all such containers
 * (`dockremap`, or `remap`: "user", "user:group"). Or maps as they are. Files of images and volumes are stored with the
 * ids inside, and shared by all.
 */
export type UserNamespaceOption =
  | 'host'
  | 'auto'
  | 'remap'
  | { readonly auto: AutoIdsOption }
  | { readonly remap: string }
  | { readonly hostId: number; readonly size?: number }
  | { readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] };

export interface AutoIdsOption {
  /** How many. Default 65536. */
  readonly size?: number;
  /** Ids of the machine that are to be there as well, instead of those of the range. */
  readonly uids?: readonly IdRange[];
  readonly gids?: readonly IdRange[];
}

/** Confinement beyond capabilities; docker's defaults where nothing is said. */
export interface SecurityOptions {
  /** A seccomp profile as an object, OCI's or docker's with its conditions; docker's default allow-list; or none. */
  seccomp?: 'default' | 'unconfined' | Readonly<Record<string, unknown>>;
  /** setuid programs and file capabilities give no more rights. */
  noNewPrivileges?: boolean;
  /** Replace docker's list. */
  maskedPaths?: readonly string[];
  readonlyPaths?: readonly string[];
  /** A loaded AppArmor profile, or "unconfined". ERR_SECURITY_MODULE_MISSING where the kernel has no AppArmor. */
  apparmor?: string;
  /** Fields of a SELinux label, or "disable". ERR_SECURITY_MODULE_MISSING where the kernel has no SELinux. */
  label?:
    | 'disable'
    | { readonly user?: string; readonly role?: string; readonly type?: string; readonly level?: string };
  /** The container may make cgroups below its own: /sys/fs/cgroup can be written. */
  writableCgroups?: boolean;
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
  /** Microseconds of realtime scheduling in each period (cgroup v1, CONFIG_RT_GROUP_SCHED). */
  cpuRtRuntime?: number;
  cpuRtPeriod?: number;
  pids?: number;
  blkioWeight?: number;
  /** By a block device's path: a weight from 10 to 1000, bytes a second, operations a second. */
  blkioWeightDevices?: Readonly<Record<string, number>>;
  deviceReadBps?: Readonly<Record<string, ByteSize>>;
  deviceWriteBps?: Readonly<Record<string, ByteSize>>;
  deviceReadIops?: Readonly<Record<string, number>>;
  deviceWriteIops?: Readonly<Record<string, number>>;
  /** "nofile": 1024, or { soft, hard }; -1 is unlimited. */
  ulimits?: Readonly<Record<string, number | { readonly soft: number; readonly hard: number }>>;
  /** Size of /dev/shm. Default 64m. */
  shmSize?: ByteSize;
  /** -1000…1000. */
  oomScoreAdj?: number;
}

/** What stands at an absolute path of the container. */
export type ContainerMount = BindMountOption | TmpfsMountOption | VolumeMountOption | ImageMountOption;
/** How mounts below travel between host and container: mount_namespaces(7), "Shared subtrees". */
export type Propagation = 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';
/**
 * What of the mounts below a bind's source is seen, docker's words: all, which a read-only bind seals as well; none
 * (`disabled`); all, and they stay writable (`writable`); all, sealed or refused (`readonly`, with `readOnly`, `rprivate`).
 */
export type BindRecursion = 'enabled' | 'disabled' | 'writable' | 'readonly';

/** `size` ids from `source` in the files are `host`… on this machine; or, with `inside`, those ids of the container. */
export interface IdmapRange {
  readonly source: number;
  readonly host: number;
  readonly size: number;
  readonly inside?: boolean;
}

/**
 * Whose the files of a mount are, without changing their owners on disk (mount_setattr(2), MOUNT_ATTR_IDMAP; not for an
 * ordinary user's engine). `true`: as the container's user namespace has it: what root owns belongs to the container's root.
 */
export type IdmapOption =
  | true
  | { readonly uids: readonly IdmapRange[]; readonly gids: readonly IdmapRange[] };

/** A file or directory of this machine. */
export interface BindMountOption {
  type: 'bind';
  /** Absolute. */
  source: string;
  target: string;
  readOnly?: boolean;
  propagation?: Propagation;
  /** Default `enabled`. */
  recursive?: BindRecursion;
  /** Makes an absent source a directory (docker's -v); otherwise it is ERR_MOUNT_SOURCE_NOT_FOUND. */
  createSource?: boolean;
  /** ERR_IDMAP_UNSUPPORTED where the file system takes none. */
  idmap?: IdmapOption;
}

/** A file system in memory, empty at each start. */
export interface TmpfsMountOption {
  type: 'tmpfs';
  target: string;
  size?: ByteSize;
  /** Permission bits; default 0o1777. */
  mode?: number;
  readOnly?: boolean;
  /** More mount options: "noexec", "uid=1000". Default: nosuid, nodev, noexec. */
  options?: readonly string[];
}

/**
 * A directory that the engine keeps. Without a name it is anonymous and is removed with `remove({ volumes: true })`. Its
 * files are stored with the ids inside: containers of different user namespaces share it.
 */
export interface VolumeMountOption {
  type: 'volume';
  name?: string;
  target: string;
  readOnly?: boolean;
  /** Whether a volume that is empty starts with what the image has at the target. Default true. */
  copy?: boolean;
  /** Only this directory or file of it, relative; it must exist and may not lead out of the volume. */
  subpath?: string;
  /** For a volume that this container makes. */
  labels?: Readonly<Record<string, string>>;
  /** The same: see CreateVolumeOptions. */
  driverOptions?: Readonly<Record<string, string>>;
  idmap?: IdmapOption;
}

/** The files of an image, read-only. It is pulled as the container's own, and kept as long as the container is. */
export interface ImageMountOption {
  type: 'image';
  /** A reference. */
  image: string;
  target: string;
  /** Only this directory or file of it, relative; links may not lead out of the image. */
  subpath?: string;
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
  /** Default `json-file`; `local` takes less room, and keeps bytes as they are; `none` keeps nothing. */
  driver?: 'json-file' | 'local' | 'none';
  /** Bytes of one file, after which it is rotated; -1: unlimited, until the disk is full. Default 64m, of `local` 20m. */
  maxSize?: ByteSize;
  /** Files kept, the current one included; the oldest is dropped. Default 2, of `local` 5. */
  maxFile?: number;
  /** Whether those but the current one are kept as gzip. Default: of `local`. */
  compress?: boolean;
  /** What logs() shows with `details`: labels and variables of the container, by their names or patterns of those. */
  details?: {
    readonly labels?: readonly string[];
    readonly env?: readonly string[];
    readonly labelsRegex?: string;
    readonly envRegex?: string;
    readonly tag?: string;
  };
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
