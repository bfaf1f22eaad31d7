import { cgroupDelegation, cgroupLayout } from '../../bindings/cgroup.ts';
import { EngineError } from '../errors/index.ts';
import type { Mount } from '../mount/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Bundle, StdinMode, StdioSelection, TerminalSize } from '../runtime/index.ts';
import type { Undo } from '../undo/index.ts';
import { eventSource } from './announce.ts';
import type { MountSource } from './asked-mounts.ts';
import { type CdiAdditions, cdiAdditions } from './cdi-devices.ts';
import { idMapOf, rootOf } from './container-ids.ts';
import type { ContainersContext } from './context.ts';
import { writeEtcFiles } from './etc-files.ts';
import { healthDescription } from './health.ts';
import { blockDevicesOf, hostDevices } from './host-devices.ts';
import { joinDescriptions, joinedContainers } from './joined.ts';
import { joinNetworks, networkEvents, type RunNetwork } from './network-task.ts';
import type { ContainerRecord } from './record.ts';
import { restartDescription } from './restart-policy.ts';
import { containerHostname, runtimeConfig } from './runtime-config.ts';
import { askedOfCgroup, type SpecLimits } from './spec-limits.ts';
import { stopSignalOf } from './stop-signal.ts';

export interface BundleStdio {
  readonly stdin: StdinMode;
  readonly attach: StdioSelection;
  readonly terminal?: TerminalSize;
}

/** The cgroup of a container, below the delegated root. */
export function cgroupOf({ id, spec }: ContainerRecord): string {
  return `${spec.cgroupParent}/${id}`;
}

/**
 * What the runtime is given: config.json and what surrounds it. The run directory gets the files of /etc; the addresses that
 * it takes on networks are given back with `undo`.
 */
export async function makeBundle(
  context: ContainersContext,
  record: ContainerRecord,
  rootfs: Mount,
  stdio: BundleStdio,
  undo: Undo,
): Promise<Bundle> {
  const { id, spec, image } = record;
  const { runDir } = context.store.paths(id);
  const joined = await joinedContainers(context, record);
  const network = await joinNetworks(context, record, undo);
  writeEtcFiles(runDir, spec, containerHostname(id, spec, context.host), network, rootOf(record));
  const cdi = await cdiAdditions(context, spec);
  const config = runtimeConfig({
    id,
    spec,
    image: image.process,
    host: context.host,
    etc: joined.network?.runDir ?? runDir,
    joined,
    volumes: await mountSources(context, record),
    images: record.images ?? [],
    idMap: idMapOf(context, record),
    devices: spec.privileged || spec.devices.length > 0 ? await hostDevices(spec) : [],
    blockDevices: await blockDevicesOf(spec),
    cdi,
  });
  const images = await imageLayers(context, record);
  const task = {
    rootfs,
    ...images,
    ...stdio,
    ...taskFields(context, record, cdi),
    events: eventsOf(context, record, network),
    ...joinDescriptions(joined),
    ...(network.description && { network: network.description }),
  };
  return { spec: config, task };
}

/** What is mounted for each of its volumes, wherever that is used. */
export async function mountSources(
  { volumes }: ContainersContext,
  record: ContainerRecord,
): Promise<MountSource[]> {
  return await Promise.all(
    record.volumes.map(async (volume) => ({ ...volume, mount: await volumes.mountOf(volume.name) })),
  );
}

/** For task.json and copies: the layers of the images that are mounted, by their targets. */
export async function imageLayers(
  { snapshots }: ContainersContext,
  { images = [] }: ContainerRecord,
): Promise<{ images?: Readonly<Record<string, Mount>> }> {
  if (images.length === 0) return {};
  const entries = images.map(
    async ({ target, image }) => [target, await snapshots.view(image.chainId as Digest)] as const,
  );
  return { images: Object.fromEntries(await Promise.all(entries)) };
}

function taskFields(context: ContainersContext, record: ContainerRecord, cdi: CdiAdditions | null) {
  const { id, spec, image } = record;
  const user = spec.user ?? image.process.user ?? '';
  const groups = [...spec.groups, ...(cdi?.groups ?? []).map(String)];
  return {
    id,
    ...((user !== '' || groups.length > 0) && { user: { user, groups } }),
    ...(needsCgroup(spec.limits) && { cgroup: cgroupOf(record) }),
    log: logDescription(context, record),
    statusFile: context.store.paths(id).exit,
    durable: !spec.autoRemove,
    ...(spec.init && { init: requireInit(context) }),
    ...(spec.autoRemove && { autoRemove: removedAtEnd(context, record) }),
    ...supervision(context, record),
  };
}

function eventsOf(context: ContainersContext, record: ContainerRecord, { description }: RunNetwork) {
  const networks = networkEvents(context, record.id, description?.endpoints ?? []);
  return {
    ...eventSource(context, record),
    volumes: volumeEvents(record),
    ...(networks.length > 0 && { networks }),
  };
}

/** Docker's attributes of the events `mount` and `unmount`, which its monitor tells. */
function volumeEvents({ id: container, volumes }: ContainerRecord) {
  return volumes.map(({ name, target: destination, readOnly }) => ({
    id: name,
    attributes: { container, destination, driver: 'local', propagation: '', 'read/write': String(!readOnly) },
  }));
}

/** What its monitor does for it on its own. */
function supervision({ store }: ContainersContext, record: ContainerRecord) {
  const { id, spec, image } = record;
  const restart = restartDescription(spec.restart, store.paths(id).stopped);
  const stop = { signal: stopSignalOf(record), timeout: spec.stopTimeout };
  const health = healthDescription(spec.health, image.process, stop);
  return { ...(restart && { restart }), ...(health && { health }) };
}

/** In the order of removal: the name is free as long as its holder is still there, so that nobody's is taken. */
function removedAtEnd({ store, volumes, idRanges }: ContainersContext, record: ContainerRecord): string[] {
  const { dir, runDir } = store.paths(record.id);
  return [
    ...(record.spec.name === null ? [] : [store.namePath(record.name)]),
    ...record.volumes.filter(({ anonymous }) => anonymous).map(({ name }) => volumes.directory(name)),
    ...(record.idRange ? [idRanges.path(record.id, record.idRange)] : []),
    dir,
    runDir,
  ];
}

/** Where no groups can be made a container still runs; what it asked to be limited is an error then. */
function needsCgroup(limits: SpecLimits): boolean {
  if (cgroupDelegation().delegated) return true;
  const asked = askedOfCgroup(limits);
  if (asked !== undefined && cgroupLayout() !== 'none') throw notDelegated(asked);
  return asked !== undefined;
}

/** As podman and crun on cgroup v2: a limit that is not there is worse than a container that is not. */
function notDelegated(limit: string): EngineError {
  return new EngineError(
    'ERR_CGROUP_CONTROLLER_MISSING',
    `limits.${limit} needs a cgroup that this user may write, and there is none: run the command in one ` +
      '(systemd-run --user --scope -p Delegate=yes …; docs/rootless.md for cgroup v1), or leave the limit out',
    { details: { limit } },
  );
}

function logDescription({ store }: ContainersContext, { id, spec }: ContainerRecord) {
  if (spec.log.driver === 'none') return { driver: 'none' } as const;
  return {
    driver: spec.log.driver,
    path: store.paths(id).log,
    maxSize: spec.log.maxSize ?? 0,
    maxFile: spec.log.maxFile,
    ...(spec.log.compress && { compress: true }),
  } as const;
}

function requireInit({ init }: ContainersContext): string {
  if (init !== null) return init;
  throw new EngineError(
    'ERR_NOT_IMPLEMENTED',
    'this build of strake has no init: leave out init, or put one into the image as its entrypoint',
  );
}
