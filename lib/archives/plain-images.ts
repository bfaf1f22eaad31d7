import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { inflateFile } from '../../bindings/archive.ts';
import { type ContentSource, verifiedBody } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  type Compression,
  type Descriptor,
  type Digest,
  digestHex,
  digestOf,
  encodeManifest,
  mediaTypes,
} from '../oci/index.ts';
import { AddedContent } from './added-content.ts';

/** An image of which all is known but its layers' bytes. */
export interface PackedImage {
  readonly config: Descriptor;
  /** Base first. */
  readonly layers: readonly PackedLayer[];
}

export interface PackedLayer {
  readonly blob: Descriptor;
  readonly compression: Compression;
  readonly diffId: Digest;
}

export interface PlainOptions {
  /** A folder of the caller's own, where unpacked layers lie until the source is of no more use. */
  readonly scratch: string;
  /** Bytes of one layer, unpacked; more are ERR_LAYER_TOO_LARGE. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Images with plain tars as layers, as docker-archives have them: layers that are packed are unpacked into the scratch
 * folder, each once, two at a time, and verified. It is the source of them, and of whatever else the source below has.
 */
export class PlainImages extends AddedContent {
  readonly #options: PlainOptions;
  readonly #unpacked = new Map<Digest, Promise<Descriptor>>();

  constructor(below: ContentSource, options: PlainOptions) {
    super('the unpacked image', below);
    this.#options = options;
  }

  /**
   * Unpacks an image's layers and answers the manifest that is made for them.
   * @throws EngineError ERR_LAYER_DIFF_ID_MISMATCH, ERR_LAYER_CORRUPT, ERR_LAYER_TOO_LARGE, and what the source throws
   */
  async add(image: PackedImage): Promise<Descriptor> {
    const layers: Descriptor[] = [];
    for (let at = 0; at < image.layers.length; at += 2) {
      layers.push(...(await allOf(image.layers.slice(at, at + 2).map((layer) => this.#plain(layer)))));
    }
    const { digest, size } = image.config;
    const manifest = encodeManifest({ config: { mediaType: mediaTypes.ociConfig, digest, size }, layers });
    const target = { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length };
    this.added.set(target.digest, manifest);
    return target;
  }

  async #plain(layer: PackedLayer): Promise<Descriptor> {
    const { blob, compression, diffId } = layer;
    if (compression === 'none' && blob.digest === diffId)
      return { mediaType: mediaTypes.ociLayer, digest: diffId, size: blob.size };
    const unpacked = this.#unpacked.get(diffId) ?? this.#unpack(layer);
    this.#unpacked.set(diffId, unpacked);
    return unpacked;
  }

  async #unpack({ blob, compression, diffId }: PackedLayer): Promise<Descriptor> {
    const path = join(this.#options.scratch, `${digestHex(diffId)}.tar`);
    const { digest, size } = await unpack(this.below, blob, compression, path, this.#options);
    this.#options.signal?.throwIfAborted();
    if (digest !== diffId) throw otherDiffId(blob, diffId, digest);
    this.added.set(diffId, { path, offset: 0, size });
    return { mediaType: mediaTypes.ociLayer, digest: diffId, size };
  }
}

async function unpack(
  source: ContentSource,
  blob: Descriptor,
  compression: Compression,
  target: string,
  { scratch, maxBytes, signal }: PlainOptions,
): Promise<{ digest: string; size: number }> {
  const { size } = blob;
  const place = source.locate?.(blob);
  if (place)
    return inflateFile({ source: place.path, offset: place.offset, size, compression, target, maxBytes });
  const packed = join(scratch, digestHex(blob.digest));
  const body = verifiedBody(blob, await source.fetch(blob, signal && { signal }));
  await pipeline(body, createWriteStream(packed, { mode: 0o600 }), signal ? { signal } : {});
  const made = await inflateFile({ source: packed, compression, target, maxBytes });
  await rm(packed);
  return made;
}

/** Waits for all before it fails, so that nothing is still written to a folder that goes. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function otherDiffId(blob: Descriptor, diffId: Digest, actual: string): EngineError {
  return new EngineError(
    'ERR_LAYER_DIFF_ID_MISMATCH',
    `layer ${blob.digest} inflates to ${actual}, but the image's configuration says ${diffId}`,
    { details: { digest: blob.digest, diffId, actual } },
  );
}
