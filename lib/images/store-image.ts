import type { ContentSource, Leases } from '../content/index.ts';
import { formatPlatform, type Platform } from '../oci/index.ts';
import type { ImageDocuments } from './fetch-documents.ts';
import { heal } from './heal.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { type LayerStores, pullLayers } from './pull-layers.ts';
import type { PullProgress } from './pull-progress.ts';

/** What an image is stored in. */
export interface ImageStores extends LayerStores {
  readonly names: NameStore;
  readonly leases: Leases;
}

/** What a name is to stand for, with all that must be kept for it. */
export function nameFor(
  { keepCompressed }: Pick<LayerStores, 'keepCompressed'>,
  { target, manifest, configDescriptor, layers, blobs }: ImageDocuments,
  named: { readonly reference: string; readonly platform: Platform },
): ImageName {
  const compressed = keepCompressed ? layers.map(({ blob }) => blob.digest) : [];
  return {
    reference: named.reference,
    target,
    manifest,
    config: configDescriptor,
    platform: formatPlatform(named.platform),
    chainIds: layers.map(({ chainId }) => chainId),
    blobs: [...blobs.map(({ descriptor }) => descriptor.digest), ...compressed],
    pulledAt: new Date().toISOString(),
  };
}

/**
 * Brings an image into the store from wherever its content is: under a lease the layers, then the documents, then, by
 * `publish`, its names, whose needs are those of `name`. What fails before that leaves nothing with a name.
 */
export async function storeImage(
  stores: ImageStores,
  documents: ImageDocuments,
  name: ImageName,
  {
    publish,
    ...pull
  }: {
    readonly source: ContentSource;
    readonly signal: AbortSignal;
    readonly report: (progress: PullProgress) => void;
    readonly publish: () => Promise<void>;
  },
): Promise<void> {
  await using _lease = await stores.leases.take(name);
  // What cannot be healed now hinders nothing; the next sweep says what it is.
  const healed = heal(stores).catch(() => {});
  await pullLayers(stores, documents.layers, pull).finally(() => healed);
  await stores.blobs.putAll(documents.blobs);
  pull.signal.throwIfAborted();
  await publish();
}
