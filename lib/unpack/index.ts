/**
 * From a layer's blob to a snapshot: download, verification and unpacking as one stream, resumed where it was cut. It
 * knows nothing of manifests, names, or other layers of the image.
 */
export { layerCompression } from './layer-compression.ts';
export {
  type LayerLimits,
  type LayerToUnpack,
  type UnpackedLayer,
  type UnpackOptions,
  unpackLayer,
} from './unpack-layer.ts';
