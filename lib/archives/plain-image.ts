import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { inflateFile } from '../../bindings/archive.ts';
import { type ContentSource, type FilePlace, verifiedBody } from '../content/index.ts';
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
import { type Blob, FileSource } from './file-source.ts';

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
 * The same image with plain tars as layers, as docker-archives have them: those that are packed are unpacked into the
 * scratch folder, two at a time, and verified. Answers the new manifest, and a source of it and of all that it refers to.
 * @throws EngineError ERR_LAYER_DIFF_ID_MISMATCH, ERR_LAYER_CORRUPT, ERR_LAYER_TOO_LARGE, and what the source throws
 */
export async function plainImage(
  source: ContentSource,
  image: PackedImage,
  options: PlainOptions,
): Promise<{ readonly target: Descriptor; readonly source: ContentSource }> {
  const blobs = new Map<Digest, Blob>();
  const layers: Descriptor[] = [];
  for (let at = 0; at < image.layers.length; at += 2) {
    const pair = image.layers.slice(at, at + 2).map((layer) => plainLayer(source, layer, blobs, options));
    layers.push(...(await allOf(pair)));
  }
  const { digest, size } = image.config;
  const manifest = encodeManifest({ config: { mediaType: mediaTypes.ociConfig, digest, size }, layers });
  const target = { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length };
  blobs.set(target.digest, manifest);
  return { target, source: overlaySource(blobs, source) };
}

async function plainLayer(
  source: ContentSource,
  { blob, compression, diffId }: PackedLayer,
  blobs: Map<Digest, Blob>,
  options: PlainOptions,
): Promise<Descriptor> {
  const mediaType = mediaTypes.ociLayer;
  if (compression === 'none' && blob.digest === diffId) return { mediaType, digest: diffId, size: blob.size };
  const path = join(options.scratch, `${digestHex(diffId)}.tar`);
  const known = blobs.get(diffId);
  if (known !== undefined)
    return { mediaType, digest: diffId, size: 'size' in known ? known.size : known.length };
  const { digest, size } = await unpack(source, blob, compression, path, options);
  options.signal?.throwIfAborted();
  if (digest !== diffId) throw otherDiffId(blob, diffId, digest);
  blobs.set(diffId, { path, offset: 0, size });
  return { mediaType, digest: diffId, size };
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

/** What `blobs` has comes from there, all else from `below`. */
function overlaySource(blobs: ReadonlyMap<Digest, Blob>, below: ContentSource): ContentSource {
  const above = new FileSource('the unpacked image', (digest) => blobs.get(digest));
  const choose = ({ digest }: Descriptor): ContentSource => (blobs.has(digest) ? above : below);
  return {
    fetch: (descriptor, options) => choose(descriptor).fetch(descriptor, options),
    locate: (descriptor): FilePlace | undefined => choose(descriptor).locate?.(descriptor),
  };
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
