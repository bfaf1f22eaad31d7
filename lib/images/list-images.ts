import { isEngineError } from '../errors/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { Image, ImageSummary } from './image.ts';
import type { ImageLoader } from './image-loader.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { isNameless, tagOfName } from './nameless.ts';

/** See Images.list. */
export async function listImages(stores: {
  readonly names: NameStore;
  readonly loader: ImageLoader;
  readonly snapshots: Snapshotter;
}): Promise<ImageSummary[]> {
  const groups = new Map<string, ImageName[]>();
  for (const name of await stores.names.list()) {
    groups.set(name.config.digest, [...(groups.get(name.config.digest) ?? []), name]);
  }
  const images = [...groups.values()].map((names) => summarize(stores, names));
  return (await Promise.all(images)).flat().sort(byAge);
}

async function summarize(
  stores: { readonly loader: ImageLoader; readonly snapshots: Snapshotter },
  names: readonly ImageName[],
): Promise<ImageSummary[]> {
  const [first] = names;
  if (first === undefined) return [];
  const image = await stores.loader.load(first).catch(ignoreRemoved);
  if (image === undefined) return [];
  const references = names.map(({ reference }) => reference).sort();
  return [
    {
      id: image.id,
      references: references.filter((reference) => tagOfName(reference) !== undefined),
      digests: references.filter((reference) => tagOfName(reference) === undefined && !isNameless(reference)),
      platform: image.platform,
      createdAt: image.config.created ?? null,
      size: await sizeOf(stores.snapshots, image),
      labels: image.config.process.labels,
    },
  ];
}

async function sizeOf(snapshots: Snapshotter, image: Image): Promise<number> {
  const layers = image.layers.map(({ chainId }) => snapshots.stat(chainId).catch(ignoreRemoved));
  return (await Promise.all(layers)).reduce((sum, layer) => sum + (layer?.size ?? 0), 0);
}

/** What another process removes between the reading of its name and of itself is not listed. */
function ignoreRemoved(error: unknown): undefined {
  if (isEngineError(error, 'ERR_BLOB_NOT_FOUND') || isEngineError(error, 'ERR_LAYER_NOT_FOUND'))
    return undefined;
  throw error;
}

function byAge(left: ImageSummary, right: ImageSummary): number {
  return (right.createdAt ?? '').localeCompare(left.createdAt ?? '') || left.id.localeCompare(right.id);
}
