import type { DirectoryMount, OverlayMount } from '../mount/index.ts';
import type { RuntimeSpec } from '../oci/index.ts';

/** What a task is launched from. */
export interface Bundle {
  readonly spec: RuntimeSpec;
  readonly task: TaskDescription;
}

/** task.json: what surrounds a container's config.json (native/protocol/task.md). All paths are absolute. */
export interface TaskDescription {
  readonly id: string;
  readonly rootfs: RootfsDescription;
  /** The layers of the spec's mounts of type "image", by destination. */
  readonly images?: Readonly<Record<string, RootfsDescription>>;
  /** As `docker run -u` and `--group-add`, resolved in the container's own files. Absent: the spec's ids. */
  readonly user?: { readonly user: string; readonly groups?: readonly string[] };
  /** Its cgroup's path below the delegated root: "strake/ID". Absent: none is made. */
  readonly cgroup?: string;
  readonly stdin: StdinMode;
  /** What the launcher takes part in. */
  readonly attach: StdioSelection;
  /** Its size at the start, when the spec's process wants a terminal. */
  readonly terminal?: TerminalSize;
  readonly log?: LogDescription;
  /** Where the exit status is recorded. */
  readonly statusFile?: string;
  /** Whether that record survives power loss. */
  readonly durable?: boolean;
  /** An init on the host that becomes process 1. */
  readonly init?: string;
  /** Directories that the monitor removes when the container has ended, before it says so. */
  readonly autoRemove?: readonly string[];
  /** Everything is set up but the process, which comes later (launchWaiting). */
  readonly waits?: boolean;
  /** When it is run again after its end. Absent: never. */
  readonly restart?: RestartDescription;
  /** What is executed in it again and again to see whether it works. Absent: nothing. */
  readonly health?: HealthDescription;
  /** Other tasks whose namespaces it shares. */
  readonly joins?: readonly JoinDescription[];
  /** Which networks it is on. Absent: its namespace is as it is made. */
  readonly network?: NetworkDescription;
  /** Where `start`, `die` and the like are told, and of whom. Absent: nowhere. */
  readonly events?: EventSource;
}

/** A task that must run whenever this one is started. Its namespace takes the place of the spec's path of that kind. */
export interface JoinDescription {
  /** With `ipc` its /dev/shm is shared too. */
  readonly kind: 'pid' | 'ipc' | 'network';
  readonly runDir: string;
  /** Its user namespace as well. */
  readonly user?: boolean;
}

/** What its monitor connects it with; the paths are those of lib/network's records. */
export interface NetworkDescription {
  /** The network namespace that the networks are in: a path, or '' for the monitor's own. */
  readonly netns: string;
  /** Where all networks' records are. */
  readonly networks: string;
  /** The container's name. */
  readonly name: string;
  readonly endpoints: readonly {
    readonly network: string;
    readonly interface: string;
    readonly mac: string;
    readonly addresses: readonly { readonly address: string; readonly prefix: number }[];
    readonly gateways: readonly string[];
    readonly names: readonly string[];
    readonly leases: readonly string[];
  }[];
  readonly ports: readonly {
    readonly protocol: 'tcp' | 'udp';
    readonly hostIp: string;
    readonly hostPort: number;
    readonly hostPortEnd: number;
    readonly containerPort: number;
  }[];
  /** Of an ordinary user: pasta or slirp4netns, with "{}" where the path of the network namespace is to be. */
  readonly program?: readonly string[];
  /** And the directory where the container is recorded. */
  readonly record?: string;
  /** Whom its name server asks for outside names; absent: it has none. */
  readonly resolvers?: readonly { readonly address: string; readonly from: 'host' | 'container' }[];
}

/** What its monitor tells of a task in the journal of events. */
export interface EventSource {
  readonly directory: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** That it has mounted: told as `mount` and `unmount`. */
  readonly volumes?: readonly CompanionEvent[];
  /** That it is on: told as `connect` and `disconnect`. */
  readonly networks?: readonly CompanionEvent[];
}

/** What is told of something else when a task starts and ends. */
export interface CompanionEvent {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A health check, for the monitor. Milliseconds. */
export interface HealthDescription {
  readonly argv: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  /** Failures in a row that make it unhealthy. */
  readonly retries: number;
  /** Ends what becomes unhealthy, so that its restart policy applies: this signal and, after the timeout, SIGKILL. */
  readonly ending?: { readonly signal: number; readonly timeout: number };
}

/** Docker's restart policies, for the monitor. */
export interface RestartDescription {
  readonly policy: 'always' | 'unless-stopped' | 'on-failure';
  /** Of `on-failure`; 0: any number. */
  readonly maximumRetries: number;
  /** A file that whoever stops the task makes: it then stays ended. */
  readonly stopMarker: string;
}

export type RootfsDescription = OverlayMount | DirectoryMount;

/** `open` stays open while no client is attached; `once` ends when the first one that is attached to it goes. */
export type StdinMode = 'none' | 'open' | 'once';

export interface StdioSelection {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
}

export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

export type LogDescription =
  | { readonly driver: 'none' }
  | {
      readonly driver: 'json-file' | 'local';
      readonly path: string;
      /** Bytes before rotation; absent or 0: none. */
      readonly maxSize?: number;
      /** Files kept, the current one included. Default 1. */
      readonly maxFile?: number;
      /** Those but the current one as gzip. */
      readonly compress?: boolean;
    };
