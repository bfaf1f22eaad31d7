import { cgroupDelegation, cgroupLayout } from '../../bindings/cgroup.ts';
import { EngineError } from '../errors/index.ts';
import type { Mount } from '../mount/index.ts';
import type { Bundle, StdinMode, StdioSelection, TerminalSize } from '../runtime/index.ts';
import type { Undo } from '../undo/index.ts';
import { eventSource } from './announce.ts';
import type { ContainersContext } from './context.ts';
import { writeEtcFiles } from './etc-files.ts';
import { healthDescription } from './health.ts';
import { hostDevices } from './host-devices.ts';
import { joinNetworks } from './network-task.ts';
import type { ContainerRecord } from './record.ts';
import { restartDescription } from './restart-policy.ts';
import { containerHostname, runtimeConfig } from './runtime-config.ts';
import type { SpecLimits } from './spec-limits.ts';
import { stopSignalOf } from './stop-signal.ts';

export interface BundleStdio {
  readonly stdin: StdinMode;
  readonly attach: StdioSelection;
  readonly terminal?: TerminalSize;
}

/** The cgroup of a container, below the delegated root. */
export function cgroupOf(id: string): string {
  return `strake/${id}`;
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
  const network = await joinNetworks(context, record, undo);
  writeEtcFiles(runDir, spec, containerHostname(id, spec, context.host), network);
  const config = runtimeConfig({
    id,
    spec,
    image: image.process,
    host: context.host,
    etc: runDir,
    networkPath: network.path,
    volumes: record.volumes.map((volume) => ({ ...volume, source: context.volumes.path(volume.name) })),
    devices: spec.privileged || spec.devices.length > 0 ? await hostDevices(spec) : [],
  });
  const connected = network.description && { network: network.description };
  return { spec: config, task: { rootfs, ...stdio, ...taskFields(context, record), ...connected } };
}

function taskFields(context: ContainersContext, record: ContainerRecord) {
  const { id, spec, image } = record;
  const user = spec.user ?? image.process.user ?? '';
  return {
    id,
    ...((user !== '' || spec.groups.length > 0) && { user: { user, groups: spec.groups } }),
    ...(needsCgroup(spec.limits) && { cgroup: cgroupOf(id) }),
    log: logDescription(context, record),
    statusFile: context.store.paths(id).exit,
    durable: !spec.autoRemove,
    ...(spec.init && { init: requireInit(context) }),
    ...(spec.autoRemove && { autoRemove: removedAtEnd(context, record) }),
    ...supervision(context, record),
    events: eventSource(context, record),
  };
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
function removedAtEnd({ store, volumes }: ContainersContext, record: ContainerRecord): string[] {
  const { dir, runDir } = store.paths(record.id);
  return [
    ...(record.spec.name === null ? [] : [store.namePath(record.name)]),
    ...record.volumes.filter(({ anonymous }) => anonymous).map(({ name }) => volumes.directory(name)),
    dir,
    runDir,
  ];
}

/** Where no groups can be made a container still runs; what it asked to be limited is an error then. */
function needsCgroup(limits: SpecLimits): boolean {
  if (cgroupDelegation().delegated) return true;
  const { memory, memoryReservation, cpuShares, cpuQuota, cpusetCpus, cpusetMems, pids, blkioWeight } =
    limits;
  const asked = Object.entries({
    memory,
    memoryReservation,
    cpuShares,
    cpuQuota,
    cpusetCpus: cpusetCpus || null,
    cpusetMems: cpusetMems || null,
    pids,
    blkioWeight,
  }).find(([, limit]) => limit !== null);
  if (asked !== undefined && cgroupLayout() !== 'none') throw notDelegated(asked[0]);
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
    driver: 'json-file',
    path: store.paths(id).log,
    maxSize: spec.log.maxSize ?? 0,
    maxFile: spec.log.maxFile,
  } as const;
}

function requireInit({ init }: ContainersContext): string {
  if (init !== null) return init;
  throw new EngineError(
    'ERR_NOT_IMPLEMENTED',
    'this build of strake has no init: leave out init, or put one into the image as its entrypoint',
  );
}
