import { mkdirSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { EngineError } from '../errors/index.ts';
import { defaultNetwork } from '../network/index.ts';
import { randomId } from '../random-id/index.ts';
import { Undo } from '../undo/index.ts';
import { announce } from './announce.ts';
import type { ContainersContext } from './context.ts';
import { generateName } from './names.ts';
import { invalidOption, normalizePath } from './option-values.ts';
import type { ContainerOptions } from './options.ts';
import type { ContainerRecord, RecordedVolume } from './record.ts';
import { resolveImage } from './resolve-image.ts';
import { discardRoot, prepareRoot } from './root-mount.ts';
import { commandLine } from './runtime-process.ts';
import { type ContainerSpec, parseContainerOptions } from './spec.ts';
import type { SpecMount, SpecVolume } from './spec-mounts.ts';
import { type Inherited, inheritVolumes } from './volumes-from.ts';

/**
 * Makes a container that can be started: parsed options, an image that is here, a reserved name, a writable layer, its
 * volumes, a record. On an error nothing of it is left, but for an image that was pulled.
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
  await reserve(context, record, undo);
  using _lock = await context.store.lockNew(record.id);
  // The record first: whoever removes images or volumes sees the need before layers and volumes are looked for.
  await context.store.write(record, { durable: !spec.autoRemove });
  await makeVolumes(context, record, undo);
  undo.add(() => discardRoot(context, record));
  await prepareRoot(context, record);
  throwIfAborted(signal);
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
  commandLine(spec, image.process); // refuses a container without a command
  if (spec.namespaces.user !== null && context.ids.map !== null)
    throw invalidOption(
      'namespaces.user',
      spec.namespaces.user,
      "an ordinary user's ids are those of /etc/subuid",
    );
  const network = await resolveNetwork(context, spec);
  const inherited = await inheritVolumes(context, spec);
  await checkBinds([...spec.mounts, ...inherited.binds]);
  const id = randomId();
  return {
    version: 1,
    id,
    name: spec.name ?? generateName(id),
    createdAt: new Date().toISOString(),
    image,
    spec: { ...spec, network, mounts: [...spec.mounts, ...inherited.binds] },
    volumes: [...recordVolumes(context, spec, image.process.volumes, inherited), ...inherited.volumes],
  };
}

/** The container whose network it joins by its id, and networks that must exist. ERR_CONTAINER_NOT_FOUND, ERR_NETWORK_NOT_FOUND. */
async function resolveNetwork({ store, networks }: ContainersContext, spec: ContainerSpec): Promise<string> {
  for (const { network } of spec.networks) if (network !== defaultNetwork) await networks.find(network);
  const [, other] = /^container:(.+)$/.exec(spec.network) ?? [];
  return other === undefined ? spec.network : `container:${await store.find(other)}`;
}

/** Makes the volumes that are not there, the record being written; the anonymous ones go with `undo`. */
export async function makeVolumes(
  context: ContainersContext,
  record: ContainerRecord,
  undo: Undo,
): Promise<void> {
  for (const { name, anonymous, inherited } of record.volumes) {
    if (inherited && !(await context.volumes.holds(name))) throw volumeGone(name);
    const isNew = await context.volumes.ensure(name, { anonymous });
    if (isNew) context.events.emit({ type: 'volume', action: 'create', id: name });
    if (anonymous) undo.add(() => context.volumes.discard(name));
  }
}

async function reserve(
  { store, ids }: ContainersContext,
  record: ContainerRecord,
  undo: Undo,
): Promise<void> {
  const { dir } = store.paths(record.id);
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
  const volume = ({ name, target, readOnly, copy }: Omit<SpecVolume, 'type'>) => ({
    name: name ?? context.volumes.anonymousName(),
    anonymous: name === null,
    target,
    readOnly,
    copy,
  });
  const taken = new Set(
    [...spec.mounts, ...inherited.binds, ...inherited.volumes].map(({ target }) => target),
  );
  return [
    ...spec.mounts.flatMap((mount) => (mount.type === 'volume' ? [volume(mount)] : [])),
    ...ofImage
      .map((target) => normalizePath(target))
      .filter((target) => target !== '/' && !taken.has(target))
      .map((target) => volume({ name: null, target, readOnly: false, copy: true })),
  ];
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
    `cannot bind ${source}: it does not exist on this machine; create it first`,
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
