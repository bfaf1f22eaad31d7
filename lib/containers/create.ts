import { mkdirSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { EngineError } from '../errors/index.ts';
import { defaultNetwork, userProgram } from '../network/index.ts';
import { randomId } from '../random-id/index.ts';
import { Undo } from '../undo/index.ts';
import { type DriverOptions, parseDriverOptions } from '../volumes/index.ts';
import { announce } from './announce.ts';
import { giveIds, refuseIdmaps, resolveUserNamespace, returnIds } from './container-ids.ts';
import type { ContainersContext } from './context.ts';
import { resolveJoins } from './joined.ts';
import { requireOwnSysctls } from './machines-sysctls.ts';
import { generateName } from './names.ts';
import { invalidOption, normalizePath } from './option-values.ts';
import type { ContainerOptions } from './options.ts';
import type { ContainerRecord, MountedImage, RecordedVolume } from './record.ts';
import { resolveImage } from './resolve-image.ts';
import { prepareRoot } from './root-mount.ts';
import { commandLine } from './runtime-process.ts';
import { requireSecurityModules } from './security-modules.ts';
import { type ContainerSpec, parseContainerOptions } from './spec.ts';
import type { SpecMount, SpecVolume } from './spec-mounts.ts';
import { type Inherited, inheritVolumes } from './volumes-from.ts';

/**
 * Makes a container that can be started: parsed options, an image that is here, a reserved name, a writable layer, its
 * volumes, a record. It is there when all of it is, by one rename; on an error nothing of it is left, but for an image that
 * was pulled.
 */
export async function createContainer(
  context: ContainersContext,
  reference: string,
  options: ContainerOptions & { signal?: AbortSignal | undefined } = {},
): Promise<ContainerRecord> {
  const { signal, ...rest } = options;
  const spec = parseContainerOptions(rest);
  throwIfAborted(signal);
  const record = await draftRecord(context, reference, spec, signal);
  await using undo = new Undo();
  undo.add(() => returnIds(context, record));
  await reserve(context, record, undo);
  // The record first: whoever removes images or volumes sees the need before layers and volumes are looked for.
  await context.store.writeDraft(record, { durable: !spec.autoRemove });
  await context.snapshots.removalsDecided();
  await makeVolumes(context, record, undo);
  await prepareRoot(context, record, context.store.draft(record.id));
  throwIfAborted(signal);
  await context.store.publish(record.id, { durable: !spec.autoRemove });
  undo.commit();
  announce(context, record, 'create');
  return record;
}

/** All that is known of a new container, before any effect but a pull. */
export async function draftRecord(
  context: ContainersContext,
  reference: string,
  spec: ContainerSpec,
  signal?: AbortSignal,
): Promise<ContainerRecord> {
  const image = await resolveImage(context, reference, spec, signal);
  requireSecurityModules(spec);
  commandLine(spec, image.process); // refuses a container without a command
  await requireNetworks(context, spec);
  const user = await resolveUserNamespace(context, spec);
  refuseIdmaps(context, spec, user);
  const joined = await resolveJoins(context, spec);
  const resolved = { ...joined, namespaces: { ...joined.namespaces, user } };
  await requireOwnSysctls(context, resolved);
  const inherited = await inheritVolumes(context, spec);
  await checkBinds([...spec.mounts, ...inherited.binds]);
  const images = await mountedImages(context, spec, signal);
  const id = randomId();
  return {
    version: 1,
    id,
    name: spec.name ?? generateName(id),
    createdAt: new Date().toISOString(),
    image,
    spec: { ...resolved, mounts: [...spec.mounts, ...inherited.binds] },
    volumes: [...recordVolumes(context, spec, image.process.volumes, inherited), ...inherited.volumes],
    ...(images.length > 0 && { images }),
    ...(await giveIds(context, resolved, id)), // last: nothing that may fail comes after it
  };
}

/** ERR_NETWORK_NOT_FOUND; the default network is made when it is needed. */
async function requireNetworks({ networks, ids }: ContainersContext, spec: ContainerSpec): Promise<void> {
  if (ids.map !== null && spec.networks.length > 0) userProgram(spec.networks.map(({ network }) => network));
  else for (const { network } of spec.networks) if (network !== defaultNetwork) await networks.find(network);
}

/** Makes the volumes that are not there, the record being written; the anonymous ones go with `undo`. */
export async function makeVolumes(
  context: ContainersContext,
  record: ContainerRecord,
  undo: Undo,
): Promise<void> {
  for (const { name, anonymous, inherited, labels = {}, driverOptions } of record.volumes) {
    if (inherited && !(await context.volumes.holds(name))) throw volumeGone(name);
    const asked = { anonymous, labels, ...(driverOptions && { driverOptions }) };
    const isNew = await context.volumes.ensure(name, asked);
    if (isNew) context.events.emit({ type: 'volume', action: 'create', id: name });
    if (anonymous) undo.add(() => context.volumes.discard(name));
  }
}

async function reserve(
  { store, ids }: ContainersContext,
  record: ContainerRecord,
  undo: Undo,
): Promise<void> {
  const { dir } = store.draft(record.id);
  undo.add(() => ids.removeTree(dir));
  mkdirSync(dir, { mode: 0o700 });
  if (record.spec.name === null) return;
  await store.reserveName(record.name, record.id);
  undo.add(() => store.releaseName(record.name, record.id));
}

/** The volumes asked for, and an anonymous one for each of the image's that nothing is mounted on. */
function recordVolumes(
  context: ContainersContext,
  spec: ContainerSpec,
  ofImage: readonly string[],
  inherited: Inherited,
): RecordedVolume[] {
  const volume = ({ name, target, readOnly, copy }: AnyVolume) => ({
    name: name ?? context.volumes.anonymousName(),
    anonymous: name === null,
    target,
    readOnly,
    copy,
  });
  const asked = ({ subpath, idmap, labels, driverOptions, ...rest }: SpecVolume) => ({
    ...volume(rest),
    ...(subpath && { subpath }),
    ...(idmap && { idmap }),
    ...(Object.keys(labels ?? {}).length > 0 && { labels }),
    ...withDriverOptions(driverOptions ?? {}),
  });
  const taken = new Set(
    [...spec.mounts, ...inherited.binds, ...inherited.volumes].map(({ target }) => target),
  );
  return [
    ...spec.mounts.flatMap((mount) => (mount.type === 'volume' ? [asked(mount)] : [])),
    ...ofImage
      .map((target) => normalizePath(target))
      .filter((target) => target !== '/' && !taken.has(target))
      .map((target) => volume({ name: null, target, readOnly: false, copy: true })),
  ];
}

type AnyVolume = Pick<SpecVolume, 'name' | 'target' | 'readOnly' | 'copy'>;

function withDriverOptions(options: SpecVolume['driverOptions']): { driverOptions?: DriverOptions } {
  const driverOptions = parseDriverOptions(options);
  return driverOptions === null ? {} : { driverOptions };
}

async function mountedImages(
  context: ContainersContext,
  spec: ContainerSpec,
  signal: AbortSignal | undefined,
): Promise<MountedImage[]> {
  const asked = spec.mounts.filter((mount) => mount.type === 'image');
  return await Promise.all(
    asked.map(async ({ image: reference, target, subpath }) => {
      const image = await resolveImage(context, reference, spec, signal);
      if (image.chainId !== null) return { target, subpath, image };
      throw invalidOption(
        'mounts.image',
        reference,
        'an image with layers is needed; bind a directory instead',
      );
    }),
  );
}

async function checkBinds(mounts: readonly SpecMount[]): Promise<void> {
  for (const mount of mounts) {
    if (mount.type !== 'bind') continue;
    const exists = await pathExists(mount.source);
    if (!exists && mount.createSource) await mkdir(mount.source, { recursive: true });
    else if (!exists) throw sourceNotFound(mount.source);
  }
}

async function pathExists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

function sourceNotFound(source: string): EngineError {
  return new EngineError(
    'ERR_MOUNT_SOURCE_NOT_FOUND',
    `invalid mount config for type "bind": bind source path does not exist: ${source}; create it first`,
    { details: { path: source } },
  );
}

function volumeGone(name: string): EngineError {
  return new EngineError(
    'ERR_VOLUME_NOT_FOUND',
    `the volume ${name} was removed with the container that it was to be had from`,
    { details: { volume: name } },
  );
}

/** @throws EngineError ERR_ABORTED, with the signal's reason as its cause. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new EngineError('ERR_ABORTED', 'the operation was aborted', { cause: signal.reason });
}
