import type { BlobStore, ContentBody, ContentSource, FilePlace } from '../content/index.ts';
import { type Descriptor, type Digest, digestOf, encodeManifest, mediaTypes } from '../oci/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { findLayerSource, type LayerSource, readLayerSource } from '../unpack/index.ts';
import type { Image } from './image.ts';
import type { ImageName } from './name-store.ts';

export interface LocalStores {
  readonly blobs: BlobStore;
  readonly snapshots: Snapshotter;
}

/**
 * Images of the store as a source of content: documents and kept blobs as they came; of a layer that is kept as a tar alone
 * that tar, under a manifest that is made for it. What it sends of a layer is verified on its way.
 */
export class LocalSource implements ContentSource {
  readonly #blobs: BlobStore;
  readonly #snapshots: Snapshotter;
  readonly #layers = new Map<Digest, LayerSource>();
  readonly #manifests = new Map<Digest, Buffer>();

  constructor({ blobs, snapshots }: LocalStores) {
    this.#blobs = blobs;
    this.#snapshots = snapshots;
  }

  /**
   * Makes an image's layers available, and answers what they are here. `prefer`: which form of a layer that is here in both.
   * @throws EngineError ERR_LAYER_BYTES_MISSING, ERR_LAYER_NOT_FOUND
   */
  async addLayers(image: Image, prefer: LayerSource['kind']): Promise<Descriptor[]> {
    const layers: Descriptor[] = [];
    for (const layer of image.layers) {
      const source = await findLayerSource(
        layer,
        { blobs: this.#blobs, snapshots: this.#snapshots },
        { prefer },
      );
      const descriptor = source.kind === 'blob' ? layer.blob : plainLayer(source.diffId, source.size);
      this.#layers.set(descriptor.digest, source);
      layers.push(descriptor);
    }
    return layers;
  }

  /** The same, and the manifest that stands for the image: its own if every layer is here as it names them. */
  async addImage(image: Image, name: ImageName): Promise<Descriptor> {
    const layers = await this.addLayers(image, 'blob');
    if (layers.every(({ digest }, at) => digest === image.layers[at]?.blob.digest)) return image.manifest;
    const { digest, size } = name.config;
    const bytes = encodeManifest({ config: { mediaType: mediaTypes.ociConfig, digest, size }, layers });
    const manifest = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
    this.#manifests.set(manifest.digest, bytes);
    return manifest;
  }

  async fetch(
    descriptor: Descriptor,
    options: { readonly offset?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ContentBody> {
    const layer = this.#layers.get(descriptor.digest);
    if (layer !== undefined) return readLayerSource(layer, options);
    const manifest = this.#manifests.get(descriptor.digest);
    return manifest === undefined
      ? this.#blobs.fetch(descriptor, options)
      : once(manifest.subarray(options.offset));
  }

  locate(descriptor: Descriptor): FilePlace | undefined {
    const layer = this.#layers.get(descriptor.digest);
    return layer === undefined ? this.#blobs.locate(descriptor) : { path: layer.path, offset: 0 };
  }
}

function plainLayer(diffId: Digest, size: number): Descriptor {
  return { mediaType: mediaTypes.ociLayer, digest: diffId, size };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
