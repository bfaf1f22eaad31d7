import { EngineError } from '../errors/index.ts';
import type { JoinDescription } from '../runtime/index.ts';
import { idMapOf } from './container-ids.ts';
import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { containerHostname } from './runtime-config.ts';
import type { ContainerSpec } from './spec.ts';
import { type ContainerMode, modeContainer } from './spec-namespaces.ts';

/** A kind of namespace that can be another container's. */
export type JoinedKind = 'pid' | 'ipc' | 'network';

/** A running container whose namespace is shared. */
export interface JoinedContainer {
  /** Its process 1. */
  readonly pid: number;
  readonly runDir: string;
  /** It is in a user namespace, which whoever shares its others must be in as well. */
  readonly inUserNamespace: boolean;
}

/** Whose namespaces a container shares, by kind. */
export type JoinedContainers = Readonly<Partial<Record<JoinedKind, JoinedContainer>>>;

/** Names become ids, so that a rename changes nothing; the hostname is that of the container whose network it is. ERR_CONTAINER_NOT_FOUND. */
export async function resolveJoins(context: ContainersContext, spec: ContainerSpec): Promise<ContainerSpec> {
  const byId = async <Mode extends string>(mode: Mode): Promise<Mode | ContainerMode> => {
    const name = modeContainer(mode);
    return name === null ? mode : `container:${await context.store.find(name)}`;
  };
  const [pid, ipc, network] = await Promise.all([
    byId(spec.namespaces.pid),
    byId(spec.namespaces.ipc),
    byId(spec.network),
  ]);
  const namespaces = { ...spec.namespaces, pid, ipc };
  return { ...spec, namespaces, network, hostname: spec.hostname ?? (await hostnameOf(context, network)) };
}

async function hostnameOf(context: ContainersContext, network: string): Promise<string | null> {
  const id = modeContainer(network);
  const donor = id === null ? null : await context.store.read(id);
  return donor && containerHostname(donor.id, donor.spec, context.host);
}

/**
 * The containers whose namespaces `record` shares, as they are now. What it shares must be there: ERR_CONTAINER_STATE for one
 * that does not run, or whose IPC namespace is not shareable; ERR_CONTAINER_NOT_FOUND.
 */
export async function joinedContainers(
  context: ContainersContext,
  record: ContainerRecord,
): Promise<JoinedContainers> {
  const { pid, ipc } = record.spec.namespaces;
  const modes: [JoinedKind, string][] = [
    ['pid', pid],
    ['ipc', ipc],
    ['network', record.spec.network],
  ];
  const joined: Partial<Record<JoinedKind, JoinedContainer>> = {};
  for (const [kind, mode] of modes) {
    const id = modeContainer(mode);
    if (id !== null) joined[kind] = await joinedContainer(context, record, kind, id);
  }
  return joined;
}

async function joinedContainer(
  context: ContainersContext,
  record: ContainerRecord,
  kind: JoinedKind,
  id: string,
): Promise<JoinedContainer> {
  const donor = await context.store.read(id);
  const state = donor && (await observe(context, donor));
  if (donor === null || state === null) throw donorGone(record, kind, id);
  if (state.status === 'restarting')
    throw conflict(record, donor, `container ${donor.name} is restarting, wait until it is running`);
  if (state.status !== 'running' && state.status !== 'paused')
    throw conflict(
      record,
      donor,
      `cannot join ${words[kind]} of a non running container: ${donor.name}; start that first`,
    );
  if (kind === 'ipc' && !['shareable', 'host'].includes(donor.spec.namespaces.ipc))
    throw conflict(
      record,
      donor,
      `non-shareable IPC of container ${donor.name}: create that one with IPC mode shareable (--ipc shareable)`,
    );
  requireSameUsers(context, record, donor);
  return {
    pid: state.pid,
    runDir: context.store.paths(id).runDir,
    inUserNamespace: idMapOf(context, donor) !== null,
  };
}

const words: Readonly<Record<JoinedKind, string>> = { pid: 'PID', ipc: 'IPC', network: 'network' };

/** A namespace can only be entered from a user namespace that is its owner's, or above that. */
function requireSameUsers(context: ContainersContext, record: ContainerRecord, donor: ContainerRecord): void {
  if (record.idMap === undefined || context.ids.map !== null) return;
  if (JSON.stringify(record.idMap) === JSON.stringify(donor.idMap)) return;
  throw conflict(
    record,
    donor,
    `container ${donor.name} is in another user namespace, out of which its namespaces cannot be shared; give both the same`,
  );
}

function conflict({ name }: ContainerRecord, donor: ContainerRecord, reason: string): EngineError {
  return new EngineError('ERR_CONTAINER_STATE', `cannot start container ${name}: ${reason}`, {
    details: { container: name, verb: 'start', joins: donor.id },
  });
}

function donorGone({ name }: ContainerRecord, kind: JoinedKind, id: string): EngineError {
  return new EngineError(
    'ERR_CONTAINER_NOT_FOUND',
    `cannot start container ${name}: no such container: ${id.slice(0, 12)}, whose ${words[kind]} namespace it shares; make this one anew`,
    { details: { container: id } },
  );
}

/** For task.json: the monitor looks for them again at each start. */
export function joinDescriptions(joined: JoinedContainers): { joins?: readonly JoinDescription[] } {
  const joins = Object.entries(joined).map(([kind, { runDir, inUserNamespace }]) => ({
    kind: kind as JoinedKind,
    runDir,
    ...(inUserNamespace && { user: true }),
  }));
  return joins.length > 0 ? { joins } : {};
}
