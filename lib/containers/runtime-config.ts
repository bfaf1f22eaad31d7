import type { IdMap } from '../id-map/index.ts';
import type { ImageProcess, RuntimeSpec } from '../oci/index.ts';
import { runtimeLinux } from './runtime-linux.ts';
import { type MountSource, runtimeMounts } from './runtime-mounts.ts';
import { runtimeProcess } from './runtime-process.ts';
import type { ContainerSpec } from './spec.ts';

/** What the config of a container depends on besides its spec and its image. */
export interface HostFacts {
  readonly hostname: string;
  /** Node's word: x64, arm64. */
  readonly arch: string;
  /** Whether a limit on swap can be set at all; without, the default of twice the memory is left out. */
  readonly swapAccounting: boolean;
  /** The ids of an engine that an ordinary user runs; absent: root's, where only who asks for one has a user namespace. */
  readonly idMap?: IdMap;
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

export interface RuntimeConfigInput {
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly image: ImageProcess;
  readonly host: HostFacts;
  /** The directory with the container's own hosts, hostname and resolv.conf. */
  readonly etc: string;
  /** Where its volumes are: named ones, anonymous ones, and the image's. */
  readonly volumes: readonly MountSource[];
  /** A network namespace that it joins instead of having one of its own. */
  readonly networkPath?: string | undefined;
  /** The devices it asked for; all of the machine's when it is privileged. */
  readonly devices: readonly HostDevice[];
}

/**
 * The OCI config.json (runtime-spec 1.2) of a container: docker's defaults, changed by the image and the spec. Pure: the
 * same input gives the same output, which test/containers/runtime-config holds against golden files.
 * The root file system itself is the task's (lib/runtime), as is the user by name.
 * @throws EngineError ERR_CONTAINER_OPTION_INVALID when neither spec nor image says what to run
 */
export function runtimeConfig(input: RuntimeConfigInput): RuntimeSpec {
  const { spec } = input;
  const hostname = containerHostname(input.id, spec, input.host);
  return {
    ociVersion: '1.2.0',
    process: runtimeProcess(spec, input.image, hostname),
    root: { path: 'rootfs', readonly: spec.readOnly },
    ...(sharesUts(spec)
      ? {}
      : { hostname, ...(spec.domainname !== null && { domainname: spec.domainname }) }),
    mounts: runtimeMounts(input),
    linux: runtimeLinux(input),
  };
}

/** Docker's: what was asked, the host's on its network, else the first 12 digits of the id. */
export function containerHostname(id: string, spec: ContainerSpec, host: HostFacts): string {
  if (spec.hostname !== null) return spec.hostname;
  return spec.network === 'host' || sharesUts(spec) ? host.hostname : id.slice(0, 12);
}

function sharesUts(spec: ContainerSpec): boolean {
  return spec.namespaces.uts === 'host';
}
