/**
 * From a layer's blob to a snapshot: download, verification and unpacking as one stream, resumed where it was cut; and
 * back: where the bytes of a committed layer are. It knows nothing of manifests, names, or other layers of the image.
 */
export { layerCompression } from './layer-compression.ts';
export {
  digestOfSource,
  findLayerSource,
  type LayerSource,
  type LayerSourceStores,
  layerSourceReader,
  readLayerSource,
  sizeOfSource,
} from './layer-source.ts';
export { refillLayer } from './refill-layer.ts';
export {
  type LayerLimits,
  type LayerToUnpack,
  type UnpackedLayer,
  type UnpackOptions,
  unpackLayer,
} from './unpack-layer.ts';
