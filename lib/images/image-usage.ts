import { stat } from 'node:fs/promises';
import type { BlobStore } from '../content/index.ts';
import type { Digest } from '../oci/index.ts';
import type { GarbageStores } from './collect-garbage.ts';
import type { ImagesUsage, ImageUsage } from './image.ts';
import type { ImageLoader } from './image-loader.ts';
import { listImages } from './list-images.ts';

/** Bytes of each thing in the store by its name: layers by chainId, blobs by digest. */
type Sizes = ReadonlyMap<string, number>;

/** See Images.usage. */
export async function imagesUsage(
  stores: GarbageStores & { readonly loader: ImageLoader },
): Promise<ImagesUsage> {
  const [images, names, containers, sizes] = await Promise.all([
    listImages(stores),
    stores.names.list(),
    stores.listContainers(),
    storedSizes(stores),
  ]);
  const parts = new Map<string, Set<string>>();
  for (const { config, chainIds, blobs } of names) {
    const own = parts.get(config.digest) ?? new Set();
    for (const part of [...chainIds.map(layerKey), ...blobs]) own.add(part);
    parts.set(config.digest, own);
  }
  const shares = countShares(parts.values());
  const usages: ImageUsage[] = images.map((image) => {
    const own = [...(parts.get(image.id) ?? [])];
    const sum = (wanted: (part: string) => boolean) => total(sizes, own.filter(wanted));
    return {
      ...image,
      size: sum(() => true),
      sharedSize: sum((part) => (shares.get(part) ?? 0) > 1),
      uniqueSize: sum((part) => shares.get(part) === 1),
      containers: containers.filter(({ imageId }) => imageId === image.id).length,
    };
  });
  const active = usages
    .filter((image) => image.containers > 0)
    .flatMap(({ id }) => [...(parts.get(id) ?? [])]);
  const size = total(sizes, [...sizes.keys()]);
  return { images: usages, size, reclaimable: size - total(sizes, [...new Set(active)]) };
}

async function storedSizes({ snapshots, blobs }: GarbageStores): Promise<Sizes> {
  const layers = (await snapshots.list()).map(({ chainId, size }) => [layerKey(chainId), size] as const);
  return new Map([...layers, ...(await blobSizes(blobs))]);
}

async function blobSizes(blobs: BlobStore): Promise<(readonly [Digest, number])[]> {
  return await Promise.all(
    (await blobs.list()).map(async (digest) => [digest, await sizeOf(blobs.path(digest))] as const),
  );
}

/** 0: it was removed meanwhile. */
async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The chainId of a lowest layer is its diffId, and that may be a blob's digest. */
function layerKey(chainId: Digest): string {
  return `layer ${chainId}`;
}

function countShares(sets: Iterable<ReadonlySet<string>>): Map<string, number> {
  const shares = new Map<string, number>();
  for (const set of sets) for (const part of set) shares.set(part, (shares.get(part) ?? 0) + 1);
  return shares;
}

function total(sizes: Sizes, parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + (sizes.get(part) ?? 0), 0);
}
