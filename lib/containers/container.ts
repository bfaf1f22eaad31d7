import type { Readable, Writable } from 'node:stream';
import type { Image } from '../images/index.ts';
import type { LogEntry, LogOptions as ReadLogOptions } from '../logs/index.ts';
import type { PublishedPort } from '../network/index.ts';
import type { ImageProcess } from '../oci/index.ts';
import type { ExecInfo } from './exec-records.ts';
import type { ContainerHealth } from './health.ts';
import type { ListOptions } from './list.ts';
import type {
  ContainerOptions,
  ContainerWarning,
  NetworkOption,
  PortOption,
  RunOptions,
  RunResult,
} from './options.ts';
import type { StartExecOptions } from './planned-exec.ts';
import type { Pool, PoolSize } from './pool.ts';
import type { RestartPolicy } from './restart-policy.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecLimits } from './spec-limits.ts';
import type { RestartedContainer } from './start-restartable.ts';
import type { ContainerState, ExitStatus } from './state.ts';
import type { ContainerStats, StatsOptions } from './stats.ts';
import type { ProcessTable } from './top.ts';
import type { UpdateOptions } from './update.ts';

export type { ExecInfo } from './exec-records.ts';
export type { ContainerHealth } from './health.ts';
export type { ListOptions } from './list.ts';
export type { StartExecOptions } from './planned-exec.ts';
export type { Pool, PoolRunOptions, PoolSize, TakeOptions } from './pool.ts';
export type { RestartPolicy } from './restart-policy.ts';
export type { ContainerSpec } from './spec.ts';
export type { RestartedContainer } from './start-restartable.ts';
export type { ContainerStats, NetworkStats, StatsOptions } from './stats.ts';
export type { ProcessTable } from './top.ts';
export type { UpdateOptions } from './update.ts';

/** Everything that can wait takes one; aborting rejects with ERR_ABORTED. */
export interface Cancellable {
  signal?: AbortSignal | undefined;
}

/** What is known of a container, from its record and its state at one instant. */
export interface ContainerInfo {
  readonly id: string;
  readonly name: string;
  /** The image as it was named when the container was made. */
  readonly image: string;
  /** Digest of the image's configuration; null for `@host` and `@/dir`. */
  readonly imageId: string | null;
  readonly createdAt: string;
  /** The whole command: entrypoint and arguments. */
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly state: ContainerState;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** `none`, `host`, `container:ID`, a path, or the name of the first network. */
  readonly network: string;
  /** Its networks by name; null while it does not run. */
  readonly networks: Readonly<Record<string, ConnectedNetwork | null>>;
  /** What leads to it now. */
  readonly ports: readonly PublishedPort[];
  /** What is to be published, whether or not it runs. */
  readonly publishes: ContainerSpec['ports'];
  readonly exposedPorts: readonly string[];
  readonly namespaces: ContainerSpec['namespaces'];
  readonly cgroupParent: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly security: ContainerSecurity;
  readonly devices: readonly { readonly path: string; readonly target: string; readonly access: string }[];
  readonly cdiDevices: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly mounts: readonly {
    type: string;
    source: string;
    target: string;
    readOnly: boolean;
    name?: string;
  }[];
  readonly limits: SpecLimits;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly privileged: boolean;
  readonly readOnly: boolean;
  readonly autoRemove: boolean;
  readonly restart: RestartPolicy;
  /** null: nothing is checked. */
  readonly health: ContainerHealth | null;
  readonly platform: string;
  readonly stopSignal: string;
  readonly log: ContainerSpec['log'];
  /** Where the json-file log is; null for driver `none`. */
  readonly logPath: string | null;
  /** All that was asked for when it was made, and changed since, parsed. */
  readonly spec: ContainerSpec;
  /** What its image says of processes. */
  readonly imageProcess: ImageProcess;
}

/** How a running container is on a network. */
export interface ConnectedNetwork {
  readonly id: string;
  readonly interface: string;
  readonly mac: string;
  /** "172.17.0.2/16", of each family one at most. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly aliases: readonly string[];
}

/** Confinement beyond capabilities, as it was asked for; null and `default`: docker's defaults. */
export type ContainerSecurity = Pick<
  ContainerSpec,
  'seccomp' | 'noNewPrivileges' | 'maskedPaths' | 'readonlyPaths' | 'apparmor' | 'label' | 'writableCgroups'
>;

/** The ends of a process's stdio. A tty has no stderr of its own: the stream is empty. */
export interface Attachment {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  resize(rows: number, cols: number): void;
  /** Hangs up, which is told of as an event; the process goes on. */
  detach(): void;
  /** Hangs up for somebody who has gone without a word. */
  hangUp(): void;
  /** Settles after the last byte of output. Rejects with ERR_MONITOR_DIED when the monitor was killed. */
  readonly exited: Promise<ExitStatus>;
}

/** Which ends of the stdio to connect; stdin by default where the container keeps one, the others always. */
export interface AttachOptions extends Cancellable {
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
}

/** How a start is connected to the program that asks for it; by default not at all. */
export interface StartOptions extends Cancellable {
  /** Connects to stdio before the first byte: the answer's `attachment` is then set. */
  attach?: boolean | AttachOptions;
  /** Of the terminal at the start. */
  terminal?: { rows: number; cols: number };
}

/** What differs from the container's own process, which is where the defaults come from. */
export interface ExecOptions extends Cancellable {
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  user?: string;
  groups?: readonly string[];
  tty?: boolean;
  /** Keep stdin open. */
  stdin?: boolean;
  privileged?: boolean;
  terminal?: { rows: number; cols: number };
  /** Whether its output comes here, and a `detach()` is then told of. Default: yes. */
  attach?: boolean;
}

/** A further process in a running container. Disposal kills it if it still runs. */
export interface Exec extends Attachment, AsyncDisposable {
  /** For inspectExec(). */
  readonly id: string;
  readonly pid: number;
  wait(): Promise<ExitStatus>;
  kill(signal?: string): Promise<void>;
}

/** For `run` in a container: as RunOptions. `timeout` is in milliseconds, `maxOutput` in bytes of each stream. */
export interface ExecRunOptions extends Omit<ExecOptions, 'stdin' | 'terminal' | 'attach'> {
  input?: string | Uint8Array | Readable;
  timeout?: number;
  maxOutput?: number;
}

/** How far a removal goes. */
export interface RemoveOptions extends Cancellable {
  /** Kills it first if it runs. */
  force?: boolean;
  /** Removes its anonymous volumes too. */
  volumes?: boolean;
}

/** How an image is made of a container. */
export interface CommitOptions extends Cancellable {
  /** The image's name, with a tag. Absent: it has none, and is found by its id. */
  reference?: string;
  author?: string;
  message?: string;
  /** Dockerfile instructions that are applied to the image's process defaults: `CMD ["/app"]`, `ENV A=b`, … */
  changes?: readonly string[];
  /** Whether one that runs stands still while its files are read. Default: yes. */
  pause?: boolean;
  /** Seconds since 1970 that stand for now, and that no file is younger than: the same changes then make the same image. */
  sourceDateEpoch?: number;
}

/** What a path names. */
export interface PathInfo {
  /** The last name of the path that was asked for. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  readonly modifiedAt: string;
  readonly uid: number;
  readonly gid: number;
  /** As it is written; null for what is no symbolic link. */
  readonly linkTarget: string | null;
}

/** How files become a tar. */
export interface CopyOutOptions extends Cancellable {
  /** Takes what a link leads to, not the link itself. */
  followLink?: boolean;
  /** What the tar calls it; default: its own name, and `.` for a path that ends in `/.`. */
  name?: string;
  /** Who all of it belongs to in the tar; default: who it belongs to. */
  owner?: { readonly uid: number; readonly gid: number };
}

/** How a tar becomes files. */
export interface CopyInOptions extends Cancellable {
  /** Whether a file may take the place of a directory, and the other way round. Default: yes. */
  overwriteDirectories?: boolean;
  /** Who all of it is given to; default: as the tar says. */
  owner?: { readonly uid: number; readonly gid: number };
}

/** Files that are copied: those of a container, or this machine's own. A path cannot leave its tree. */
export interface FileTree {
  /** A link at the end is not followed unless asked, or the path ends in `/`. ERR_PATH_NOT_FOUND. */
  statPath(path: string, options?: { readonly followLink?: boolean }): Promise<PathInfo>;
  /** The bytes of a tar of what `path` names and all below it. Nothing is read before the iteration begins. ERR_PATH_NOT_FOUND. */
  copyOut(path: string, options?: CopyOutOptions): AsyncIterable<Uint8Array>;
  /**
   * Makes a tar's files below the directory `path`, replacing what is there but merging directories. What fails half way leaves
   * what it had made. ERR_PATH_NOT_FOUND; ERR_COPY_TARGET_INVALID; ERR_LAYER_UNSAFE for an entry that would be made outside;
   * ERR_LAYER_CORRUPT; ERR_PERMISSION where it is read-only.
   */
  copyIn(path: string, tar: AsyncIterable<Uint8Array>, options?: CopyInOptions): Promise<void>;
}

/** Which of the containers that do not run a prune removes. */
export interface PruneContainersOptions extends Cancellable {
  filter?: (container: ContainerInfo) => boolean;
}

/** Ids, and the bytes that their writable layers took. */
export interface PrunedContainers {
  readonly removed: readonly string[];
  readonly bytes: number;
}

/** One difference between what a container sees and its image. */
export interface ContainerChange {
  readonly kind: 'added' | 'changed' | 'removed';
  /** With a slash in front. A directory is changed when something in it was. */
  readonly path: string;
}

/** A container by whatever state it is in. Every verb that its state does not allow is ERR_CONTAINER_STATE. */
export interface Container extends FileTree {
  readonly id: string;
  readonly name: string;
  start(options?: StartOptions): Promise<StartedContainer>;
  inspect(options?: Cancellable): Promise<ContainerInfo>;
  /** Resolves when it has ended (at once if it ended already); `removed`: and is gone, `next-exit`: at the next end. */
  wait(options?: Cancellable & { condition?: 'not-running' | 'next-exit' | 'removed' }): Promise<ExitStatus>;
  logs(options?: ReadLogOptions): AsyncIterable<LogEntry>;
  /** The stop signal, `timeout` seconds, SIGKILL. Of a container that is not running: ERR_CONTAINER_STATE. */
  stop(options?: Cancellable & { timeout?: number; stopSignal?: string }): Promise<void>;
  /** stop, if it runs, and start. ERR_CONTAINER_STATE for one that is removed when it ends. */
  restart(options?: Cancellable & { timeout?: number; stopSignal?: string }): Promise<void>;
  /** Default SIGKILL. */
  kill(signal?: string | number): Promise<void>;
  pause(): Promise<void>;
  unpause(): Promise<void>;
  attach(options?: AttachOptions): Promise<Attachment>;
  exec(argv: readonly string[], options?: ExecOptions): Promise<Exec>;
  /** A further process that startExec() starts, perhaps from another program; answers its id. */
  planExec(argv: readonly string[], options?: Omit<ExecOptions, 'terminal' | 'signal'>): Promise<string>;
  /** Another size for its terminal. */
  resize(rows: number, cols: number): Promise<void>;
  /** The further processes that run, and the last 64 that exec() started and that have ended; they go when the container ends. */
  execs(): Promise<ExecInfo[]>;
  /** exec, with its output captured. */
  run(argv: readonly string[], options?: ExecRunOptions): Promise<RunResult>;
  /** Another name; its hostname stays. Whoever holds this object still sees the old one. ERR_CONTAINER_NAME_IN_USE. */
  rename(name: string): Promise<void>;
  /** Other limits, at once and for later starts. ERR_CONTAINER_OPTION_INVALID, ERR_CGROUP_*. */
  update(options: UpdateOptions): Promise<void>;
  /**
   * One more network, at once when it runs, and at later starts. ERR_NETWORK_NOT_FOUND, ERR_ADDRESS_*; ERR_CONTAINER_STATE
   * when it is on it already, or has no network of its own.
   */
  connect(network: NetworkOption): Promise<void>;
  /** ERR_NETWORK_NOT_FOUND; ERR_CONTAINER_STATE when it is not on it. */
  disconnect(network: string): Promise<void>;
  /** One more published port, or range of them, at once and for later starts. ERR_PORT_IN_USE, ERR_PORT_ADDRESS_MISSING. */
  publish(port: PortOption): Promise<void>;
  /** No longer publishes a port of the container: at any port of the host, or at that which is given. ERR_CONTAINER_STATE. */
  unpublish(port: PortOption): Promise<void>;
  /** Its processes, as ps(1) with these arguments shows them; default `-ef`. */
  top(psArgs?: readonly string[]): Promise<ProcessTable>;
  /** What it uses, read again and again until it stops. */
  stats(options?: StatsOptions): AsyncIterable<ContainerStats>;
  remove(options?: RemoveOptions): Promise<void>;
  /** What it has changed of its image (docker diff), sorted by path. ERR_OUTPUT_TOO_LARGE past five million. */
  changes(options?: Cancellable): Promise<ContainerChange[]>;
  /** Bytes on disk of what it has written. */
  size(): Promise<number>;
  /**
   * Makes an image of it that can be run, pushed and saved. Nothing is named before all of it is on disk.
   * ERR_CONTAINER_STATE for one without an image; ERR_REFERENCE_INVALID; ERR_IMAGE_CHANGE_INVALID; ERR_NO_SPACE; ERR_ABORTED.
   */
  commit(options?: CommitOptions): Promise<Image>;
  /**
   * The bytes of a tar of all that the container sees below `/`, without what is mounted there (volumes, /proc), whether or
   * not it runs; what it writes meanwhile may or may not be in it. Nothing is read before the iteration begins; to leave it
   * early releases all. When it fails, what was given by then is no archive. ERR_OVERLAY_UNAVAILABLE; ERR_ABORTED.
   */
  export(options?: Cancellable): AsyncIterable<Uint8Array>;
}

/** A container that this program started. Disposal kills it if it still runs and removes it. */
export interface StartedContainer extends Container, AsyncDisposable {
  readonly pid: number;
  readonly startedAt: string;
  /** Set when start() was asked to attach. */
  readonly attachment: Attachment | null;
  /** What this machine did not allow, and the container goes without. Grows while it is attached. */
  readonly warnings: readonly ContainerWarning[];
}

/** The verbs for containers. One that takes a `container` finds it as get() does, and rejects as get() does. */
export interface Containers {
  create(image: string, options?: ContainerOptions & Cancellable): Promise<Container>;
  /** By name, id or unique prefix of the id. ERR_CONTAINER_NOT_FOUND, ERR_CONTAINER_AMBIGUOUS. */
  get(nameOrId: string): Promise<Container>;
  /** Newest first. Default: those that run. */
  list(options?: Cancellable & ListOptions): Promise<ContainerInfo[]>;
  /** create, start, wait and remove in one: the fast path. */
  run(
    image: string,
    argv?: readonly string[],
    options?: RunOptions & { encoding?: 'utf8' },
  ): Promise<RunResult>;
  run(
    image: string,
    argv: readonly string[],
    options: RunOptions & { encoding: 'buffer' },
  ): Promise<RunResult<Buffer>>;
  run(image: string, argv: readonly string[], options: RunOptions): Promise<RunResult<string | Buffer>>;

  /** Containers that are set up already and wait for their commands. Errors as create. */
  pool(image: string, options: ContainerOptions, size: PoolSize): Promise<Pool>;

  /** After a reboot: starts what should run by its restart policy, oldest first; one that fails has an `error`. */
  startRestartable(options?: Cancellable): AsyncIterable<RestartedContainer>;

  start(container: string, options?: StartOptions): Promise<StartedContainer>;
  inspect(container: string, options?: Cancellable): Promise<ContainerInfo>;
  wait(container: string, options?: Parameters<Container['wait']>[0]): Promise<ExitStatus>;
  logs(container: string, options?: ReadLogOptions): AsyncIterable<LogEntry>;
  stop(container: string, options?: Parameters<Container['stop']>[0]): Promise<void>;
  restart(container: string, options?: Parameters<Container['restart']>[0]): Promise<void>;
  kill(container: string, signal?: string | number): Promise<void>;
  pause(container: string): Promise<void>;
  unpause(container: string): Promise<void>;
  attach(container: string, options?: AttachOptions): Promise<Attachment>;
  exec(container: string, argv: readonly string[], options?: ExecOptions): Promise<Exec>;
  /**
   * Starts, once, what planExec() has planned. ERR_EXEC_NOT_KNOWN; ERR_CONTAINER_STATE when it was started before; else as exec().
   */
  startExec(execId: string, options?: StartExecOptions): Promise<Exec>;
  /** A further process by its id, from any program, also when it has ended. ERR_EXEC_NOT_KNOWN. */
  inspectExec(execId: string): Promise<ExecInfo>;
  /** ERR_EXEC_NOT_KNOWN; ERR_CONTAINER_STATE when it has ended. */
  resizeExec(execId: string, rows: number, cols: number): Promise<void>;
  rename(container: string, name: string): Promise<void>;
  update(container: string, options: UpdateOptions): Promise<void>;
  connect(container: string, network: NetworkOption): Promise<void>;
  disconnect(container: string, network: string): Promise<void>;
  publish(container: string, port: PortOption): Promise<void>;
  unpublish(container: string, port: PortOption): Promise<void>;
  top(container: string, psArgs?: readonly string[]): Promise<ProcessTable>;
  stats(container: string, options?: StatsOptions): AsyncIterable<ContainerStats>;
  remove(container: string, options?: RemoveOptions): Promise<void>;
  size(container: string): Promise<number>;
  /** Removes those that do not run; their anonymous volumes stay. */
  prune(options?: PruneContainersOptions): Promise<PrunedContainers>;
  changes(container: string, options?: Cancellable): Promise<ContainerChange[]>;
  commit(container: string, options?: CommitOptions): Promise<Image>;
  export(container: string, options?: Cancellable): AsyncIterable<Uint8Array>;
}
