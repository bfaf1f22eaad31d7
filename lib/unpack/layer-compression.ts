import { EngineError } from '../errors/index.ts';
import { type Compression, compressionOf, type Descriptor, isForeignLayerType } from '../oci/index.ts';

/**
 * How a layer's blob is packed, by its media type.
 * @throws EngineError ERR_LAYER_FOREIGN for one whose bytes live at URLs of a third party, ERR_MEDIA_TYPE_UNSUPPORTED
 */
export function layerCompression(blob: Descriptor): Compression {
  if (isForeignLayerType(blob.mediaType) || (blob.urls?.length ?? 0) > 0) {
    throw new EngineError(
      'ERR_LAYER_FOREIGN',
      `layer ${blob.digest} is foreign: its bytes are not in the registry but at addresses that the image names, ` +
        'and those are not fetched; ask for an image whose layers are all in the registry',
      { details: { digest: blob.digest, mediaType: blob.mediaType } },
    );
  }
  const compression = compressionOf(blob.mediaType);
  if (compression !== undefined) return compression;
  const mediaType = blob.mediaType.slice(0, 255);
  throw new EngineError(
    'ERR_MEDIA_TYPE_UNSUPPORTED',
    `layer ${blob.digest} has the media type ${JSON.stringify(mediaType)}: only tar, as it is or packed by gzip or ` +
      'zstd, can be unpacked',
    { details: { digest: blob.digest, mediaType } },
  );
}
