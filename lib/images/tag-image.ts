import type { BlobStore, Leases } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import { formatReference, type ImageReference, parseReference } from '../reference/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { findImage } from './find-image.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { publishName } from './publish-name.ts';

export interface TagStores {
  readonly names: NameStore;
  readonly leases: Leases;
  readonly blobs: BlobStore;
  readonly snapshots: Snapshotter;
}

/** See Images.tag. */
export async function tagImage(stores: TagStores, source: string, target: string): Promise<void> {
  const reference = formatReference(parseTag(target));
  const found = await findImage(stores.names, source);
  const name = found.by === 'name' ? found.name : found.names[0];
  await using _lease = await stores.leases.take(name);
  await requireAll(stores, name, source);
  await publishName(stores.names, { ...name, reference });
}

/**
 * A name that an image can be given: with a tag (`latest` by default) and without a digest, which is not anybody's to
 * choose. @throws EngineError ERR_REFERENCE_INVALID
 */
export function parseTag(text: string): ImageReference {
  const reference = parseReference(text);
  if (reference.digest === undefined) return reference;
  throw new EngineError(
    'ERR_REFERENCE_INVALID',
    `${text} is no name to give: refusing to create a tag with a digest reference; leave out @sha256:…`,
    { details: { reference: text } },
  );
}

/** The lease keeps it from here on; until here another process may have removed it. */
async function requireAll({ blobs, snapshots }: TagStores, name: ImageName, source: string): Promise<void> {
  const layers = await Promise.all(name.chainIds.map((chainId) => snapshots.has(chainId)));
  if (layers.every(Boolean) && name.blobs.every((digest) => blobs.has(digest))) return;
  throw new EngineError(
    'ERR_IMAGE_NOT_FOUND',
    `image ${source} is being removed, or incomplete: pull it again`,
    {
      details: { reference: source },
    },
  );
}
