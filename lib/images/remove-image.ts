import { EngineError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import { collectGarbage, type GarbageStores } from './collect-garbage.ts';
import { findImage, namesOfImage } from './find-image.ts';
import type { RemovedImage } from './image.ts';
import type { ContainerUse } from './images.ts';
import type { ImageName } from './name-store.ts';
import { isNameless, repositoryOfName, tagOfName } from './nameless.ts';

/** See Images.remove. */
export async function removeImage(
  stores: GarbageStores,
  text: string,
  options: { readonly force?: boolean } = {},
): Promise<RemovedImage[]> {
  const force = options.force === true;
  const found = await findImage(stores.names, text);
  if (found.by === 'id') {
    if (!force) refuseSeveralNames(text, found.names);
    return removeNames(stores, found.names, { text, force, spareRunning: true });
  }
  const all = await namesOfImage(stores.names, found.name.config.digest);
  return removeNames(stores, namesThatGo(all, found.name), { text, force, spareRunning: false });
}

interface Removal {
  readonly text: string;
  readonly force: boolean;
  /** Whether not even `force` passes over a running container. A name alone can always be taken off by force. */
  readonly spareRunning: boolean;
}

async function removeNames(
  stores: GarbageStores,
  names: readonly ImageName[],
  removal: Removal,
): Promise<RemovedImage[]> {
  const [first] = names;
  if (first === undefined) return [];
  const id = first.config.digest;
  const isLast = (await namesOfImage(stores.names, id)).length === names.length;
  const users = isLast ? (await stores.listContainers()).filter(({ imageId }) => imageId === id) : [];
  refuseInUse(removal, users);
  const references = await stores.names.removeUnchanged(names);
  const untagged = references
    .filter((reference) => !isNameless(reference))
    .map((reference) => ({ untagged: reference }));
  // Another process may have given it a name meanwhile.
  if (!isLast || (await namesOfImage(stores.names, id)).length > 0) {
    // The same image may have another manifest, and other blobs, under another name.
    await collectGarbage(stores, { chainIds: [], blobs: names.flatMap(({ blobs }) => blobs) });
    return untagged;
  }
  return [...untagged, ...(await deleteContent(stores, names, users.length > 0 ? null : id))];
}

async function deleteContent(
  stores: GarbageStores,
  names: readonly ImageName[],
  id: Digest | null,
): Promise<RemovedImage[]> {
  const { layers } = await collectGarbage(stores, {
    chainIds: names.flatMap(({ chainIds }) => chainIds),
    blobs: names.flatMap(({ blobs }) => blobs),
  });
  return [...(id === null ? [] : [id]), ...layers].map((deleted) => ({ deleted }));
}

/** The last tag of a repository takes the repository's digests with it, as Docker has it. */
function namesThatGo(all: readonly ImageName[], name: ImageName): ImageName[] {
  const tag = tagOfName(name.reference);
  const repository = repositoryOfName(name.reference);
  const siblings = all.filter(
    (other) => repositoryOfName(other.reference) === repository && other.reference !== name.reference,
  );
  const isLastTag =
    tag !== undefined && siblings.every(({ reference }) => tagOfName(reference) === undefined);
  return isLastTag ? [name, ...siblings] : [name];
}

/** An id stands for one tag, with the digests of its repository. */
function refuseSeveralNames(text: string, names: readonly ImageName[]): void {
  const references = names.map(({ reference }) => reference).sort();
  const tags = references.filter((reference) => tagOfName(reference) !== undefined);
  if (tags.length <= 1 && new Set(names.map(({ reference }) => repositoryOfName(reference))).size === 1)
    return;
  throw new EngineError(
    'ERR_IMAGE_IN_USE',
    `conflict: unable to delete ${shown(text)} (must be forced) - image is referenced in multiple repositories: ` +
      `${references.join(', ')}; remove the names, or use force`,
    { details: { reference: text, references } },
  );
}

function refuseInUse({ text, force, spareRunning }: Removal, users: readonly ContainerUse[]): void {
  const user = force ? users.find(({ running }) => spareRunning && running) : users[0];
  if (user === undefined) return;
  throw new EngineError('ERR_IMAGE_IN_USE', spareRunning ? inUseById(text, user) : inUseByName(text, user), {
    details: { reference: text, containers: users.map(({ id }) => id) },
  });
}

/** docker's words, with what to do. */
function inUseByName(text: string, { id, name, running, imageId }: ContainerUse): string {
  return (
    `conflict: unable to remove repository reference ${JSON.stringify(text)} (must force) - container ` +
    `${id.slice(0, 12)} (${name}) is using its referenced image ${shown(imageId)}: ` +
    `${running ? 'stop and remove it' : 'remove it'} first, or use force`
  );
}

function inUseById(text: string, { id, name, running }: ContainerUse): string {
  const [force, state] = running ? ['cannot', 'running'] : ['must', 'stopped'];
  return (
    `conflict: unable to delete ${shown(text)} (${force} be forced) - image is being used by ${state} container ` +
    `${id.slice(0, 12)} (${name}): ${running ? 'stop and remove it first' : 'remove it first, or use force'}`
  );
}

/** An id as docker shows it; any other text as it is. */
function shown(text: string): string {
  return /^sha256:[0-9a-f]{64}$/.test(text) ? text.slice('sha256:'.length, 'sha256:'.length + 12) : text;
}
