import { join } from 'node:path';
import { openPacker } from '../../bindings/pack.ts';
import { type ContentSource, verifiedBody } from '../content/index.ts';
import {
  type Compression,
  type Descriptor,
  digestHex,
  digestOf,
  encodeManifest,
  mediaTypes,
  parseDigest,
} from '../oci/index.ts';
import { AddedContent } from './added-content.ts';
import type { PackedImage, PackedLayer } from './plain-images.ts';

/** How layers are packed; levels as PackerOptions has them. */
export interface Packing {
  readonly format: Exclude<Compression, 'none'>;
  readonly level?: number | undefined;
}

/**
 * Images whose plain layers are packed, as registries are to have them: into the scratch folder, one after the other, since
 * that takes every processor. Layers that are packed already stay as they are. It is the source of them, and of whatever else
 * the source below has.
 */
export class PackedImages extends AddedContent {
  readonly #scratch: string;
  readonly #signal: AbortSignal;

  /** `scratch`: a folder of the caller's own, until the source is of no more use. */
  constructor(below: ContentSource, scratch: string, signal: AbortSignal) {
    super('the packed image', below);
    this.#scratch = scratch;
    this.#signal = signal;
  }

  /** Packs an image's plain layers and answers the manifest that is made for them. Throws what the source does, and ERR_BLOB_*. */
  async add(image: PackedImage, packing: Packing): Promise<Descriptor> {
    const layers: Descriptor[] = [];
    for (const layer of image.layers) layers.push(await this.#packed(layer, packing));
    const { digest, size } = image.config;
    const manifest = encodeManifest({ config: { mediaType: mediaTypes.ociConfig, digest, size }, layers });
    const target = { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length };
    this.added.set(target.digest, manifest);
    return target;
  }

  async #packed({ blob, compression }: PackedLayer, packing: Packing): Promise<Descriptor> {
    if (compression !== 'none') return { ...blob, mediaType: ociLayerTypes[compression] };
    const output = join(this.#scratch, `${digestHex(blob.digest)}.${packing.format}`);
    const { digest: text, size } = await this.#pack(blob, output, packing);
    const digest = parseDigest(text);
    this.added.set(digest, { path: output, offset: 0, size });
    return { mediaType: ociLayerTypes[packing.format], digest, size };
  }

  async #pack(blob: Descriptor, output: string, { format, level }: Packing) {
    const signal = this.#signal;
    const packer = await openPacker({ output, compression: format, ...(level !== undefined && { level }) });
    try {
      const body = await this.below.fetch(blob, { signal });
      for await (const chunk of verifiedBody(blob, body)) {
        signal.throwIfAborted();
        await packer.write(chunk);
      }
      return await packer.finish();
    } catch (error) {
      await packer.abort();
      throw error;
    }
  }
}

const ociLayerTypes = {
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
  none: mediaTypes.ociLayer,
} as const;
