import { join } from 'node:path';
import { BlobStore, Leases, Partials } from '../content/index.ts';
import type { ImageReference } from '../reference/index.ts';
import type { RemoteRepository, RemoteSink } from '../registry-client/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { LayerLimits } from '../unpack/index.ts';
import { addLayer } from './add-layer.ts';
import { type Collected, collectGarbage, type GarbageStores } from './collect-garbage.ts';
import { type CopiedImage, type CopyProgress, copyImage } from './copy-image.ts';
import { findImage } from './find-image.ts';
import { type HealedStores, heal } from './heal.ts';
import type { Image } from './image.ts';
import { imageHistory } from './image-history.ts';
import { ImageLoader } from './image-loader.ts';
import { imagesUsage } from './image-usage.ts';
import type { ContainerUse, Images } from './images.ts';
import { importImage } from './import-image.ts';
import { listImages } from './list-images.ts';
import { loadImages } from './load-images.ts';
import { startLoad } from './load-task.ts';
import { NameStore } from './name-store.ts';
import { startTask } from './progress-task.ts';
import { pruneImages } from './prune-images.ts';
import { pullImage } from './pull-image.ts';
import { startPull } from './pull-task.ts';
import { pushImage } from './push-image.ts';
import { startPush } from './push-task.ts';
import { removeImage } from './remove-image.ts';
import { repairImages } from './repair-images.ts';
import { saveImages } from './save-images.ts';
import { scrubImages } from './scrub-images.ts';
import { tagImage } from './tag-image.ts';

/** What images need from the rest of the engine. */
export interface ImagesOptions {
  /** `<root>/images`, `<root>/content` and `<root>/leases` are this room's. */
  readonly root: string;
  readonly snapshots: Snapshotter;
  openRepository(reference: ImageReference): RemoteRepository | Promise<RemoteRepository>;
  openSink(
    reference: ImageReference,
    options: { readonly mountFrom: readonly string[] },
  ): RemoteSink | Promise<RemoteSink>;
  /** Every container of this root. */
  listContainers(): Promise<readonly ContainerUse[]>;
  readonly limits: LayerLimits;
  /** Layers fetched or sent at once. */
  readonly concurrency: number;
  /** Whether compressed layers stay in the blob store. Default: when the snapshotter keeps no tars. */
  readonly keepCompressed?: boolean | 'auto';
}

/** Opens the images below a root. Nothing is made until something is stored. */
export function openImages(options: ImagesOptions): Images {
  const { root } = options;
  const blobs = new BlobStore(join(root, 'content'));
  const stores = {
    ...options,
    get keepCompressed() {
      return keepsCompressed(options); // asks the kernel what layers can be: not before it is needed
    },
    blobs,
    partials: new Partials(join(root, 'content/partial')),
    leases: new Leases(join(root, 'leases')),
    names: new NameStore(join(root, 'images')),
    loader: new ImageLoader(blobs),
  };
  return {
    pull: (reference, pullOptions = {}) =>
      startPull((report) => pullImage(stores, reference, pullOptions, report)),
    push: (reference, pushOptions = {}) =>
      startPush((report) => pushImage(stores, reference, pushOptions, report)),
    list: () => listImages(stores),
    inspect: (reference) => inspectImage(stores, reference),
    history: async (reference) => imageHistory(await inspectImage(stores, reference), stores),
    remove: (reference, removeOptions) => removeImage(stores, reference, removeOptions),
    tag: (source, target) => tagImage(stores, source, target),
    import: (archive, importOptions = {}) => importImage(stores, archive, importOptions),
    copy: (source, destination, copyOptions = {}) =>
      startTask<CopiedImage, CopyProgress>(
        ({ descriptor }) => descriptor.digest,
        (report) => copyImage(stores, source, destination, copyOptions, report),
      ),
    save: (references, saveOptions) => saveImages(stores, references, saveOptions),
    load: (archive, loadOptions = {}) =>
      startLoad((report) => loadImages(stores, archive, loadOptions, report)),
    addLayer: (added) => addLayer(stores, added),
    prune: (pruneOptions = {}) =>
      pruneImages(stores, pruneOptions, () => sweepImages(stores, pruneOptions.all ? 0 : undefined)),
    usage: () => imagesUsage(stores),
    scrub: async ({ repair = false, ...context } = {}) => {
      const found = await scrubImages(stores, context);
      const again = (reference: string, platform: string) =>
        pullImage(
          stores,
          reference,
          { platform, ...(context.signal && { signal: context.signal }) },
          () => {},
        );
      return { ...found, repairs: repair ? await repairImages(stores, found.problems, again) : [] };
    },
    sweep: () => sweepImages(stores),
  };
}

async function inspectImage(
  { names, loader }: { names: NameStore; loader: ImageLoader },
  reference: string,
): Promise<Image> {
  const found = await findImage(names, reference);
  if (found.by === 'name') return loader.load(found.name);
  return { ...(await loader.load(found.names[0])), reference: found.id };
}

function keepsCompressed({ keepCompressed = 'auto', snapshots }: ImagesOptions): boolean {
  return keepCompressed === 'auto' ? !snapshots.keepsTars : keepCompressed;
}

async function sweepImages(stores: GarbageStores & HealedStores, partialAge?: number): Promise<Collected> {
  const partials = await heal(stores, partialAge);
  const layers = await stores.snapshots.list();
  const { layers: gone, bytes } = await collectGarbage(stores, {
    chainIds: layers.map(({ chainId }) => chainId),
    blobs: await stores.blobs.list(),
  });
  return { layers: gone, bytes: bytes + partials };
}
