import { type ContentSource, fetchBytes } from '../content/index.ts';
import {
  type Descriptor,
  digestOf,
  encodeManifest,
  maxManifestSize,
  mediaTypes,
  parseManifest,
} from '../oci/index.ts';
import { AddedContent } from './added-content.ts';

/** What Docker calls a layer, and what OCI calls the same bytes. */
const ociLayers: ReadonlyMap<string, string> = new Map([
  [mediaTypes.dockerLayer, mediaTypes.ociLayer],
  [mediaTypes.dockerLayerGzip, mediaTypes.ociLayerGzip],
  [mediaTypes.dockerLayerZstd, mediaTypes.ociLayerZstd],
]);

/**
 * Images with OCI manifests, as layouts have them: skopeo and umoci do not find Docker's there. An image with a Docker manifest
 * gets one of the same config and layers under OCI's media types. It is the source of them, and of whatever the source
 * below has.
 */
export class OciImages extends AddedContent {
  constructor(below: ContentSource) {
    super('the converted image', below);
  }

  /** The manifest that stands for `target`: itself, unless it is Docker's. An index stays as it is. */
  async add(target: Descriptor, signal?: AbortSignal): Promise<Descriptor> {
    if (target.mediaType !== mediaTypes.dockerManifest) return target;
    const bytes = await fetchBytes(this.below, target, { limit: maxManifestSize, signal });
    const document = parseManifest(bytes, target.mediaType);
    if (document.kind !== 'manifest') return target;
    const manifest = encodeManifest({
      config: { ...document.config, mediaType: mediaTypes.ociConfig },
      layers: document.layers.map((layer) => ({
        ...layer,
        mediaType: ociLayers.get(layer.mediaType) ?? layer.mediaType,
      })),
    });
    const digest = digestOf(manifest);
    this.added.set(digest, manifest);
    return { mediaType: mediaTypes.ociManifest, digest, size: manifest.length };
  }
}
