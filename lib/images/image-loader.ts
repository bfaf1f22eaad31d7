import type { BlobStore } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  chainIds,
  type Digest,
  maxImageConfigSize,
  maxManifestSize,
  parseImageConfig,
  parseManifest,
} from '../oci/index.ts';
import type { Image, ImageLayer } from './image.ts';
import type { ImageName } from './name-store.ts';

/** Images that are kept in memory, so that a container start parses nothing. */
const maxCached = 256;

/** Makes images of names from the documents in the store, verified again. They never change, so each is read once. */
export class ImageLoader {
  readonly #blobs: BlobStore;
  readonly #cache = new Map<Digest, Image>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** ERR_BLOB_NOT_FOUND or ERR_BLOB_*_MISMATCH when the store was tampered with. */
  async load(name: ImageName): Promise<Image> {
    const { reference } = name;
    const cached = this.#cache.get(name.manifest.digest);
    if (cached) return { ...cached, reference };
    const image = await this.#read(name);
    const [oldest] = this.#cache.size < maxCached ? [] : this.#cache.keys();
    if (oldest) this.#cache.delete(oldest);
    this.#cache.set(name.manifest.digest, image);
    return image;
  }

  async #read({ reference, manifest: descriptor, config: configDescriptor }: ImageName): Promise<Image> {
    const [manifestBytes, configBytes] = await Promise.all([
      this.#blobs.read(descriptor, maxManifestSize),
      this.#blobs.read(configDescriptor, maxImageConfigSize),
    ]);
    const manifest = parseManifest(manifestBytes, descriptor.mediaType);
    if (manifest.kind !== 'manifest') {
      throw new EngineError(
        'ERR_MANIFEST_INVALID',
        `${reference} names an index instead of an image: pull it again`,
      );
    }
    const config = parseImageConfig(configBytes);
    const chain = chainIds(config.diffIds);
    const layers = manifest.layers.map((blob, at) => ({
      blob,
      diffId: config.diffIds[at],
      chainId: chain[at],
    })) as ImageLayer[];
    return {
      id: configDescriptor.digest,
      reference,
      manifest: descriptor,
      config,
      platform: config.platform,
      layers,
      chainId: chain.at(-1) ?? null,
    };
  }
}
