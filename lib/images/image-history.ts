import { isEngineError } from '../errors/index.ts';
import type { History } from '../oci/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { Image, ImageHistory, ImageLayer } from './image.ts';

/** See Images.history. Steps and layers are paired from the base; layers that the config does not tell of come last. */
export async function imageHistory(
  image: Image,
  stores: { readonly snapshots: Snapshotter },
): Promise<ImageHistory[]> {
  const layers = [...image.layers];
  const told = image.config.history.map((entry) =>
    stepOf(entry, entry.emptyLayer ? undefined : layers.shift(), stores.snapshots),
  );
  const untold = layers.map((layer) => stepOf({ emptyLayer: false }, layer, stores.snapshots));
  const steps = (await Promise.all([...told, ...untold])).reverse();
  return steps.map((step, at) => ({ ...step, id: at === 0 ? image.id : null }));
}

async function stepOf(
  { created, createdBy, comment, emptyLayer }: History,
  layer: ImageLayer | undefined,
  snapshots: Snapshotter,
): Promise<Omit<ImageHistory, 'id'>> {
  const record = layer && (await snapshots.stat(layer.chainId).catch(removed));
  return {
    createdAt: created ?? null,
    createdBy: createdBy ?? '',
    comment: comment ?? '',
    emptyLayer,
    size: record?.size ?? 0,
  };
}

/** By another process, since the image was looked up. */
function removed(error: unknown): undefined {
  if (isEngineError(error, 'ERR_LAYER_NOT_FOUND')) return undefined;
  throw error;
}
