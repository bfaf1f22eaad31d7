import type { IdMap } from '../id-map/index.ts';
import type { ImageProcess, RuntimeProcess, RuntimeSpec } from '../oci/index.ts';
import type { MountSource } from './asked-mounts.ts';
import type { CdiAdditions } from './cdi-devices.ts';
import type { JoinedContainers } from './joined.ts';
import type { MountedImage } from './record.ts';
import { runtimeLinux } from './runtime-linux.ts';
import { runtimeMounts } from './runtime-mounts.ts';
import { mergeEnvironment, runtimeProcess } from './runtime-process.ts';
import type { ContainerSpec } from './spec.ts';

/** What the config of a container depends on besides its spec and its image. */
export interface HostFacts {
  readonly hostname: string;
  /** Node's word: x64, arm64. */
  readonly arch: string;
  /** uname -r, for the conditions of seccomp profiles. */
  readonly kernel?: string;
  /** Whether a limit on swap can be set at all; without, the default of twice the memory is left out. */
  readonly swapAccounting: boolean;
  /** The engine's containers are in a user namespace without asking for one: a user's, or an outer container's. */
  readonly inUserNamespace?: boolean;
}

/** A device node of this machine, as stat(2) sees it. */
export interface HostDevice {
  readonly path: string;
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** What the container may do with it. */
  readonly access: string;
}

/** The numbers of block devices, by their paths. */
export type BlockDevices = Readonly<Record<string, { readonly major: number; readonly minor: number }>>;

export interface RuntimeConfigInput {
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly image: ImageProcess;
  readonly host: HostFacts;
  /** The directory with its hosts, hostname and resolv.conf: of the container whose network it shares, or its own. */
  readonly etc: string;
  /** The containers whose namespaces it shares. */
  readonly joined?: JoinedContainers;
  /** Its volumes, named ones, anonymous ones and the image's, and what is mounted for each. */
  readonly volumes: readonly MountSource[];
  /** Images that are mounted in it. */
  readonly images?: readonly MountedImage[];
  /** Of its user namespace; null: it has none of its own. */
  readonly idMap: IdMap | null;
  /** The devices it asked for; all of the machine's when it is privileged. */
  readonly devices: readonly HostDevice[];
  /** Those that its limits name. */
  readonly blockDevices?: BlockDevices;
  /** What its CDI devices add. */
  readonly cdi?: CdiAdditions | null;
}

/**
 * The OCI config.json (runtime-spec 1.2) of a container: docker's defaults, changed by the image and the spec. Pure: the
 * same input gives the same output, which test/containers/runtime-config holds against golden files.
 * The root file system itself is the task's (lib/runtime), as is the user by name.
 * @throws EngineError ERR_CONTAINER_OPTION_INVALID when neither spec nor image says what to run
 */
export function runtimeConfig(given: RuntimeConfigInput): RuntimeSpec {
  const { spec, cdi } = given;
  const input = cdi ? { ...given, devices: [...given.devices, ...cdi.devices] } : given;
  const hostname = containerHostname(input.id, spec, input.host);
  return {
    ociVersion: '1.2.0',
    process: withVariables(runtimeProcess(spec, input.image, hostname), cdi?.env),
    root: { path: 'rootfs', readonly: spec.readOnly },
    ...(sharesUts(spec)
      ? {}
      : { hostname, ...(spec.domainname !== null && { domainname: spec.domainname }) }),
    mounts: [...runtimeMounts(input), ...(cdi?.mounts ?? [])],
    ...(cdi && { hooks: cdi.hooks }),
    ...(Object.keys(spec.annotations).length > 0 && { annotations: spec.annotations }),
    linux: runtimeLinux(input),
  };
}

function withVariables(process: RuntimeProcess, more: readonly string[] | undefined): RuntimeProcess {
  return more?.length ? { ...process, env: mergeEnvironment(process.env ?? [], more) } : process;
}

/** Docker's: what was asked, the host's on its network, else the first 12 digits of the id. */
export function containerHostname(id: string, spec: ContainerSpec, host: HostFacts): string {
  if (spec.hostname !== null) return spec.hostname;
  return spec.network === 'host' || sharesUts(spec) ? host.hostname : id.slice(0, 12);
}

function sharesUts(spec: ContainerSpec): boolean {
  return spec.namespaces.uts === 'host';
}
