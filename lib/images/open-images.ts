import { join } from 'node:path';
import { BlobStore, Leases, Partials } from '../content/index.ts';
import type { ImageReference } from '../reference/index.ts';
import type { ExplicitCredentials, RemoteRepository, RemoteSink } from '../registry-client/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { LayerLimits } from '../unpack/index.ts';
import type { Collected, GarbageStores } from './collect-garbage.ts';
import type { CopiedImage, CopyProgress } from './copy-image.ts';
import { findImage } from './find-image.ts';
import type { HealedStores } from './heal.ts';
import type { Image } from './image.ts';
import { ImageLoader } from './image-loader.ts';
import type { ContainerUse, Images, ScrubOptions } from './images.ts';
import { startLoad } from './load-task.ts';
import { NameStore } from './name-store.ts';
import { PackedLayers } from './packed-layers.ts';
import { startTask } from './progress-task.ts';
import { startPull } from './pull-task.ts';
import { startPush } from './push-task.ts';

/** What images need from the rest of the engine. */
export interface ImagesOptions {
  /** `<root>/images`, `<root>/content` and `<root>/leases` are this room's. */
  readonly root: string;
  readonly snapshots: Snapshotter;
  openRepository(
    reference: ImageReference,
    credentials?: ExplicitCredentials,
  ): RemoteRepository | Promise<RemoteRepository>;
  openSink(
    reference: ImageReference,
    options: { readonly mountFrom: readonly string[]; readonly credentials?: ExplicitCredentials },
  ): RemoteSink | Promise<RemoteSink>;
  /** Every container of this root. */
  listContainers(): Promise<readonly ContainerUse[]>;
  readonly limits: LayerLimits;
  /** Layers fetched or sent at once. */
  readonly concurrency: number;
  /** Whether compressed layers stay in the blob store. Default: when the snapshotter keeps no tars. */
  readonly keepCompressed?: boolean | 'auto';
}

/**
 * Opens the images below a root. Nothing is made until something is stored, and the code of a verb is loaded when it is
 * called: what a container's start needs is `inspect`.
 */
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
    packed: new PackedLayers(join(root, 'content/packed')),
  };
  return {
    pull: (reference, pullOptions = {}) =>
      startPull(async (report) =>
        (await import('./pull-image.ts')).pullImage(stores, reference, pullOptions, report),
      ),
    push: (reference, pushOptions = {}) =>
      startPush(async (report) =>
        (await import('./push-image.ts')).pushImage(stores, reference, pushOptions, report),
      ),
    list: async () => (await import('./list-images.ts')).listImages(stores),
    inspect: (reference) => inspectImage(stores, reference),
    idOfPlatform: async (reference, platform) =>
      (await (await import('./image-of-platform.ts')).imageOfPlatform(stores, reference, platform)).config
        .digest,
    history: async (reference) =>
      (await import('./image-history.ts')).imageHistory(await inspectImage(stores, reference), stores),
    remove: async (reference, removeOptions) =>
      (await import('./remove-image.ts')).removeImage(stores, reference, removeOptions),
    tag: async (source, target) => (await import('./tag-image.ts')).tagImage(stores, source, target),
    import: async (archive, importOptions = {}) =>
      (await import('./import-image.ts')).importImage(stores, archive, importOptions),
    copy: (source, destination, copyOptions = {}) =>
      startTask<CopiedImage, CopyProgress>(
        ({ descriptor }) => descriptor.digest,
        async (report) =>
          (await import('./copy-image.ts')).copyImage(stores, source, destination, copyOptions, report),
      ),
    save: async function* (references, saveOptions) {
      yield* (await import('./save-images.ts')).saveImages(stores, references, saveOptions);
    },
    load: (archive, loadOptions = {}) =>
      startLoad(async (report) =>
        (await import('./load-images.ts')).loadImages(stores, archive, loadOptions, report),
      ),
    addLayer: async (added) => (await import('./add-layer.ts')).addLayer(stores, added),
    prune: async (pruneOptions = {}) =>
      (await import('./prune-images.ts')).pruneImages(stores, pruneOptions, () =>
        pruneOptions.all ? sweepWhole(stores) : sweepImages(stores),
      ),
    usage: async () => (await import('./image-usage.ts')).imagesUsage(stores),
    scrub: (scrubOptions) => scrub(stores, scrubOptions),
    sweep: () => sweepImages(stores),
  };
}

async function scrub(
  stores: Parameters<typeof import('./pull-image.ts').pullImage>[0] &
    Parameters<typeof import('./scrub-images.ts').scrubImages>[0],
  { repair = false, ...context }: ScrubOptions = {},
): ReturnType<Images['scrub']> {
  const { scrubImages } = await import('./scrub-images.ts');
  const found = await scrubImages(stores, context);
  if (!repair) return { ...found, repairs: [] };
  const { pullImage } = await import('./pull-image.ts');
  const { repairImages } = await import('./repair-images.ts');
  const signal = context.signal && { signal: context.signal };
  const again = (reference: string, platform: string) =>
    pullImage(stores, reference, { platform, ...signal }, () => {});
  return { ...found, repairs: await repairImages(stores, found.problems, again) };
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

type SweptStores = GarbageStores & HealedStores & { readonly packed: PackedLayers };

async function sweepImages(stores: SweptStores, partialAge?: number): Promise<Collected> {
  const [{ heal }, { collectGarbage }] = await Promise.all([
    import('./heal.ts'),
    import('./collect-garbage.ts'),
  ]);
  const partials = await heal(stores, partialAge);
  const layers = await stores.snapshots.list();
  const { layers: gone, bytes } = await collectGarbage(stores, {
    chainIds: layers.map(({ chainId }) => chainId),
    blobs: await stores.blobs.list(),
  });
  const removed = new Set(gone);
  const left = layers.filter(({ chainId }) => !removed.has(chainId));
  await stores.packed.sweep(new Set(left.map(({ diffId }) => diffId)));
  return { layers: gone, bytes: bytes + partials };
}

/** Also what somebody might have wanted to continue, or to look at. */
async function sweepWhole(stores: SweptStores): Promise<Collected> {
  const { layers, bytes } = await sweepImages(stores, 0);
  const put = await Promise.all([stores.blobs.emptyQuarantine(), stores.snapshots.emptyQuarantine()]);
  return { layers, bytes: put.reduce((sum, size) => sum + size, bytes) };
}
