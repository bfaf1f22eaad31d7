import { makeUserNamespace, type NativeUserNamespace } from '../../bindings/user-namespace.ts';
import { EngineError } from '../errors/index.ts';
import { type IdMap, mapOf, outsideOf, remappedIds, type TakenRange } from '../id-map/index.ts';
import type { ContainersContext } from './context.ts';
import { invalidOption } from './option-values.ts';
import { thisProcess } from './owner.ts';
import type { ContainerRecord } from './record.ts';
import type { ContainerSpec } from './spec.ts';
import { modeContainer } from './spec-namespaces.ts';
import type { SpecUserNamespace } from './spec-user-namespace.ts';

/** Which ids a container has: its own, or its engine's; null: the machine's. */
export function idMapOf({ ids }: Pick<ContainersContext, 'ids'>, record: ContainerRecord): IdMap | null {
  return ids.map ?? record.idMap ?? null;
}

/** Who the root of a container with ids of its own is on this machine; null: it has none. */
export function rootOf({ idMap }: ContainerRecord): { readonly uid: number; readonly gid: number } | null {
  return idMap === undefined
    ? null
    : { uid: outsideOf(idMap.uids, 0) ?? 0, gid: outsideOf(idMap.gids, 0) ?? 0 };
}

/** Whose root sees the files of a container that runs as it does itself; null: this process. */
export async function runningNamespace(
  { ids }: ContainersContext,
  { idMap }: ContainerRecord,
): Promise<NativeUserNamespace | null> {
  return ids.map !== null || idMap === undefined ? await ids.namespace() : await makeUserNamespace(idMap);
}

/**
 * What a container's user namespace is to be: what it asked for, else the engine's default. ERR_CONTAINER_OPTION_INVALID for
 * what cannot be in one, in docker's words.
 */
export async function resolveUserNamespace(
  context: ContainersContext,
  spec: ContainerSpec,
): Promise<SpecUserNamespace> {
  const { user } = spec.namespaces;
  if (context.ids.map !== null) return refuseForUsers(user);
  const resolved = user ?? (await context.userNamespaces.byDefault());
  if (resolved.mode !== 'host') refuseInUserNamespace(spec, resolved);
  return resolved;
}

function refuseForUsers(user: SpecUserNamespace | null): SpecUserNamespace {
  if (user === null || user.mode === 'host') return { mode: 'host' };
  throw invalidOption('namespaces.user', user.mode, "an ordinary user's ids are those of /etc/subuid");
}

function refuseInUserNamespace(
  { privileged, network, namespaces }: ContainerSpec,
  { mode }: SpecUserNamespace,
): void {
  const refuse = (why: string) => invalidOption('namespaces.user', mode, `${why}; ask for --userns host`);
  if (privileged)
    throw refuse(
      'privileged mode is incompatible with user namespaces: you must run the container in the host namespace when running privileged mode',
    );
  if (network === 'host')
    throw refuse("cannot share the host's network namespace when user namespaces are enabled");
  if (namespaces.pid === 'host')
    throw refuse('cannot share the host PID namespace when user namespaces are enabled');
  if (namespaces.ipc === 'host')
    throw refuse("cannot share the host's IPC namespace when user namespaces are enabled");
}

/** The ids that a container has, and for `auto` its range. */
export type GivenIds = Pick<ContainerRecord, 'idMap' | 'idRange'>;

/**
 * The ids of a new container. Those of `auto` are its own as long as it exists; until its record is there, as long as this
 * process lives. Nothing: it has no user namespace. ERR_NO_SUBORDINATE_IDS
 */
export async function giveIds(
  context: ContainersContext,
  spec: ContainerSpec,
  id: string,
): Promise<GivenIds> {
  const { user } = spec.namespaces;
  if (user === null || user.mode === 'host') return {};
  if (user.mode === 'map') return { idMap: { uids: user.uids, gids: user.gids } };
  const { remapUser, autoUser } = await context.userNamespaces.users();
  if (user.mode === 'remap') return { idMap: remappedIds(user.user ?? remapUser) };
  const { pid, startTime } = thisProcess();
  const idRange =
    (await sharedRange(context, spec, id)) ??
    (await context.idRanges.take(id, `${pid}:${startTime}`, autoUser, user));
  return { idMap: mapOf(idRange, user), idRange };
}

/** Whose namespaces it shares must have the same ids. */
async function sharedRange(
  context: ContainersContext,
  spec: ContainerSpec,
  id: string,
): Promise<TakenRange | null> {
  const modes = [spec.namespaces.pid, spec.namespaces.ipc, spec.network];
  const donorId = modes.map(modeContainer).find((found) => found !== null);
  const donor = donorId === undefined ? null : await context.store.read(donorId);
  if (!donor?.idRange) return null;
  const { pid, startTime } = thisProcess();
  await context.idRanges.share(id, `${pid}:${startTime}`, donor.idRange);
  return donor.idRange;
}

/** For one that is gone, or was not made. */
export async function returnIds(
  { idRanges }: ContainersContext,
  { id, idRange }: ContainerRecord,
): Promise<void> {
  if (idRange) await idRanges.giveBack(id, idRange);
}

/** ERR_IDMAP_UNSUPPORTED for who may give no mount other ids; ERR_CONTAINER_OPTION_INVALID where there are none to give. */
export function refuseIdmaps(
  { ids }: ContainersContext,
  { mounts }: ContainerSpec,
  { mode }: SpecUserNamespace,
): void {
  for (const mount of mounts) {
    if (!('idmap' in mount) || !mount.idmap) continue;
    if (ids.userxattr)
      throw new EngineError(
        'ERR_IDMAP_UNSUPPORTED',
        `the mount at ${mount.target} cannot have its ids mapped by an ordinary user: leave out idmap, or run it as root`,
        { details: { target: mount.target } },
      );
    if (mount.idmap.kind === 'container' && mode === 'host') throw noIdsToGive(mount.target);
  }
}

export function noIdsToGive(target: string): EngineError {
  return invalidOption(
    'mounts.idmap',
    target,
    'the container has no user namespace whose ids the files could have: ask for one (--userns auto), or say which ids are which (idmap=uids=0-1000-1;gids=0-1000-1)',
  );
}
