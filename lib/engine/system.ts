import { readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { cgroupDelegation, cgroupLayout } from '../../bindings/cgroup.ts';
import { native, nativeFile } from '../../bindings/load.ts';
import { type Capability, probe } from '../../bindings/probe.ts';
import type { CheckOptions, CheckReport } from '../check/index.ts';
import type { Containers } from '../containers/index.ts';
import { EngineError } from '../errors/index.ts';
import type { IdMap, Ids } from '../id-map/index.ts';
import type { Images } from '../images/index.ts';
import { formatPlatform, hostPlatform } from '../oci/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { VolumeStore, Volumes } from '../volumes/index.ts';
import { type DiskUsage, measureDiskUsage } from './disk-usage.ts';
import { type Pruned, type PruneOptions, pruneSystem } from './prune-system.ts';
import { type Finding, type UserCapability, userCapabilities } from './user-capabilities.ts';

/** The machine, the engine, and what it holds, at one instant. */
export interface SystemInfo {
  readonly root: string;
  readonly runDir: string;
  readonly containers: {
    readonly total: number;
    readonly running: number;
    readonly paused: number;
    readonly stopped: number;
  };
  readonly images: number;
  readonly kernel: string;
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly hostname: string;
  readonly cgroupLayout: 'none' | 'v1' | 'hybrid' | 'v2';
  /** What containers can be limited by here: by root all that is mounted, by a user what was delegated to him. */
  readonly cgroupControllers: readonly string[];
  /** Linux security modules that are active; empty where they cannot be seen. */
  readonly securityModules: readonly string[];
  /** Who runs this engine. `idMap`: the ids of an ordinary user's containers; null for root. */
  readonly user: { readonly uid: number; readonly idMap: IdMap | null };
  readonly snapshotter: string;
  /** The path of strake-runtime, for engines that are told which OCI runtime to use; null where it was not built. */
  readonly ociRuntime: string | null;
  /** What this kernel and this user can do; `reason` says why not and what would help. */
  readonly capabilities: Readonly<Record<Capability, Finding> & Partial<Record<UserCapability, Finding>>>;
}

/** What is running: the package, Node, and what is linked into the addon, by name. */
export interface SystemVersion {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly native: Readonly<Record<string, string>>;
}

/** Questions about the engine and its machine, and what concerns all that it holds. */
export interface System {
  info(options?: { signal?: AbortSignal | undefined }): Promise<SystemInfo>;
  version(): SystemVersion;
  /** What images, containers and volumes take on disk. */
  diskUsage(): Promise<DiskUsage>;
  /**
   * Whether all that is kept below the root can be read and fits together, and nothing is left of what died; the bits of layers
   * and blobs are `images.scrub`'s. With `repair` what is found is mended, and what would have to be deleted is put aside in
   * ROOT/lost+found. Others may use the root meanwhile. ERR_ABORTED.
   */
  check(options?: CheckOptions): Promise<CheckReport>;
  /** Removes containers that do not run, images without a tag, and what nothing refers to. */
  prune(options?: PruneOptions): Promise<Pruned>;
}

/** The system part of an engine. info() rejects with ERR_ABORTED, or with what a list of containers or images fails with. */
export function openSystem(engine: {
  root: string;
  runDir: string;
  images: Images;
  containers: Containers;
  volumes: Volumes;
  volumeStore: VolumeStore;
  snapshots: Snapshotter;
  ids: Ids;
  check: System['check'];
}): System {
  return {
    check: engine.check,
    diskUsage: () => measureDiskUsage(engine),
    prune: (options) => pruneSystem(engine, options),
    version: systemVersion,
    info: async ({ signal } = {}) => {
      if (signal?.aborted)
        throw new EngineError('ERR_ABORTED', 'aborted by the caller', { cause: signal.reason });
      const { ids } = engine;
      const [containers, images, capabilities, ofUser] = await Promise.all([
        countContainers(engine.containers),
        engine.images.list(),
        probe(engine.root),
        ids.map === null ? {} : userCapabilities(ids, process.env),
      ]);
      return {
        ...machine(),
        root: engine.root,
        runDir: engine.runDir,
        containers,
        images: images.length,
        snapshotter: engine.snapshots.name,
        ociRuntime: ociRuntime(),
        user: { uid: process.geteuid?.() ?? 0, idMap: ids.map },
        capabilities: { ...capabilities, ...ofUser },
      };
    },
  };
}

/** Needs no root directory and no rights. */
export function systemVersion(): SystemVersion {
  return {
    version: native.versions.strake,
    node: process.versions.node,
    platform: formatPlatform(hostPlatform()),
    native: native.versions,
  };
}

async function countContainers(containers: Containers): Promise<SystemInfo['containers']> {
  const states = (await containers.list({ all: true })).map(({ state }) => state.status);
  const count = (...wanted: string[]) => states.filter((status) => wanted.includes(status)).length;
  return {
    total: states.length,
    running: count('running'),
    paused: count('paused'),
    stopped: count('created', 'exited'),
  };
}

function machine() {
  return {
    kernel: release(),
    operatingSystem: operatingSystem(),
    architecture: arch(),
    cpus: cpus().length,
    memory: totalmem(),
    hostname: hostname(),
    cgroupLayout: cgroupLayout(),
    cgroupControllers: cgroupDelegation().controllers,
    securityModules: securityModules(),
  };
}

function ociRuntime(): string | null {
  try {
    return nativeFile('strake-runtime');
  } catch {
    return null;
  }
}

function securityModules(): string[] {
  try {
    return readFileSync('/sys/kernel/security/lsm', 'utf8').trim().split(',');
  } catch {
    return []; // securityfs is not mounted
  }
}

/** os-release(5) */
function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}
