import { openLayerSink } from '../../bindings/layer.ts';
import type { LayerIngest, StagedLayer } from '../snapshots/index.ts';
import { layerCompression } from './layer-compression.ts';
import type { LayerLimits, LayerToUnpack } from './unpack-layer.ts';

/**
 * Unpacks a layer whose blob is in a file of this machine into an ingest, verifying blob and tar on the way; for a
 * comparison with what is committed. ERR_BLOB_*, ERR_LAYER_*, and system errors of the disk.
 */
export async function refillLayer(
  layer: LayerToUnpack,
  options: { readonly path: string; readonly ingest: LayerIngest; readonly limits: LayerLimits },
): Promise<Omit<StagedLayer, 'parent'>> {
  const { blob, diffId } = layer;
  const sink = await openLayerSink({
    partial: options.path,
    stored: 0,
    size: blob.size,
    digest: blob.digest,
    compression: layerCompression(blob),
    diffId,
    target: options.ingest.target,
    userNamespace: options.ingest.userNamespace,
    limits: options.limits,
  });
  try {
    const { implied, links, whiteouts, ...filled } = await sink.finish();
    return { ...filled, gaps: { implied, links, whiteouts }, diffId };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}
