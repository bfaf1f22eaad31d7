import { bytesFreed } from '../../bindings/files.ts';
import type { Collected, GarbageStores } from './collect-garbage.ts';
import type { ImageSummary, PrunedImages } from './image.ts';
import type { ImageLoader } from './image-loader.ts';
import type { PruneImagesOptions } from './images.ts';
import { listImages } from './list-images.ts';
import { isNameless } from './nameless.ts';

/** See Images.prune. `sweep` deletes what nothing refers to any more. */
export async function pruneImages(
  stores: GarbageStores & { readonly loader: ImageLoader },
  options: PruneImagesOptions,
  sweep: () => Promise<Collected>,
): Promise<PrunedImages> {
  // A name that an image gets from here on keeps it.
  const before = await stores.names.list();
  const doomed = new Set((await unusedImages(stores, options)).map(({ id }) => id));
  const names = before.filter(({ config }) => doomed.has(config.digest));
  const untagged = await stores.names.removeUnchanged(names);
  const kept = new Set((await stores.names.list()).map(({ config }) => config.digest));
  const { layers, bytes } = await sweep();
  await bytesFreed();
  const deleted = [...[...doomed].filter((id) => !kept.has(id)), ...layers];
  return {
    removed: [
      ...untagged
        .filter((name) => !isNameless(name))
        .sort()
        .map((name) => ({ untagged: name })),
      ...deleted.map((one) => ({ deleted: one })),
    ],
    bytes,
  };
}

/** Docker's rule: those without a tag, or all, that no container has. */
async function unusedImages(
  stores: GarbageStores & { readonly loader: ImageLoader },
  { all = false, filter = () => true }: PruneImagesOptions,
): Promise<ImageSummary[]> {
  const images = await listImages(stores);
  const used = new Set((await stores.listContainers()).map(({ imageId }) => imageId));
  return images.filter(
    (image) => (all || image.references.length === 0) && !used.has(image.id) && filter(image),
  );
}
