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
  const doomed = await unusedImages(stores, options);
  const ids = new Set<string>(doomed.map(({ id }) => id));
  const names = (await stores.names.list())
    .filter(({ config }) => ids.has(config.digest))
    .map(({ reference }) => reference)
    .sort();
  await stores.names.remove(names);
  const { layers, bytes } = await sweep();
  return {
    removed: [
      ...names.filter((name) => !isNameless(name)).map((untagged) => ({ untagged })),
      ...[...doomed.map(({ id }) => id), ...layers].map((deleted) => ({ deleted })),
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
