import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { hashFile } from '../../bindings/hash.ts';
import type { BlobStore } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, type Digest, digestHex } from '../oci/index.ts';
import type { LayerTar, Snapshotter } from '../snapshots/index.ts';
import type { LayerToUnpack } from './unpack-layer.ts';

/** Where the bytes of a committed layer are, for whoever sends it on. Nothing here has been read yet. */
export type LayerSource =
  /** The compressed blob as the registry had it. */
  | { readonly kind: 'blob'; readonly descriptor: Descriptor; readonly path: string }
  /** The uncompressed tar, byte for byte; `size` in bytes. */
  | { readonly kind: 'tar'; readonly diffId: Digest; readonly path: string; readonly size: number };

export interface LayerSourceStores {
  readonly blobs: BlobStore;
  readonly snapshots: Pick<Snapshotter, 'tar'>;
}

/** Bytes read at once. */
const pieceSize = 1 << 20;

/**
 * Finds the bytes of a committed layer: its blob when that was kept, which is sent on under the digest that the image
 * names; otherwise the verbatim tar, which has to be compressed again. `prefer` the tar to have it uncompressed.
 * @throws EngineError ERR_LAYER_BYTES_MISSING when neither is kept, ERR_LAYER_NOT_FOUND when the layer itself is gone
 */
export async function findLayerSource(
  layer: LayerToUnpack,
  stores: LayerSourceStores,
  options: { readonly prefer?: LayerSource['kind'] } = {},
): Promise<LayerSource> {
  const blob = blobSource(layer, stores.blobs);
  if (blob !== undefined && options.prefer !== 'tar') return blob;
  const tar = (await stores.snapshots.tar(layer.chainId)) ?? (await tarBlob(layer, stores.blobs));
  if (tar !== null) return { kind: 'tar', diffId: layer.diffId, ...tar };
  if (blob !== undefined) return blob;
  throw bytesMissing(layer);
}

/** The digest that a source's bytes must have. */
export function digestOfSource(source: LayerSource): Digest {
  return source.kind === 'blob' ? source.descriptor.digest : source.diffId;
}

/** Bytes of a source. */
export function sizeOfSource(source: LayerSource): number {
  return source.kind === 'blob' ? source.descriptor.size : source.size;
}

/**
 * Reads a source from `offset` on. The last piece is given only when the digest of the whole was verified, natively while
 * the others go out: whoever passes the pieces on never completes what the disk has altered.
 * @throws EngineError ERR_BLOB_DIGEST_MISMATCH, ERR_BLOB_SIZE_MISMATCH, ERR_BLOB_NOT_FOUND; the signal's reason
 */
export async function* readLayerSource(
  source: LayerSource,
  options: { readonly offset?: number; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Buffer, void, undefined> {
  yield* readVerified(source, { ...options, hash: () => hashFile(source.path) });
}

/** The same for who reads it in pieces, from one offset after the other: all of it is hashed once. */
export function layerSourceReader(
  source: LayerSource,
  signal: AbortSignal,
): (offset: number) => AsyncGenerator<Buffer, void, undefined> {
  let hashed: Promise<string> | undefined;
  const hash = () => {
    hashed ??= hashFile(source.path);
    return hashed;
  };
  return (offset) => readVerified(source, { offset, signal, hash });
}

async function* readVerified(
  source: LayerSource,
  options: {
    readonly offset?: number;
    readonly signal?: AbortSignal | undefined;
    readonly hash: () => Promise<string>;
  },
): AsyncGenerator<Buffer, void, undefined> {
  const { offset: start = 0, signal, hash } = options;
  await requireSize(source);
  const verified = hash();
  verified.catch(() => undefined); // told below, or nobody waits for it any more
  const stream = createReadStream(source.path, {
    start,
    highWaterMark: pieceSize,
    ...(signal && { signal }),
  });
  let held: Buffer | undefined;
  for await (const piece of stream) {
    if (held !== undefined) yield held;
    held = piece as Buffer;
  }
  requireDigest(source, await verified);
  if (held !== undefined) yield held;
}

function blobSource({ blob }: LayerToUnpack, blobs: BlobStore): LayerSource | undefined {
  return blobs.has(blob.digest)
    ? { kind: 'blob', descriptor: blob, path: blobs.path(blob.digest) }
    : undefined;
}

/** The blob of a layer that was never compressed is its tar, and may be kept for another image. */
async function tarBlob({ diffId }: LayerToUnpack, blobs: BlobStore): Promise<LayerTar | null> {
  if (!blobs.has(diffId)) return null;
  const path = blobs.path(diffId);
  return { path, size: (await stat(path)).size };
}

async function requireSize(source: LayerSource): Promise<void> {
  const expected = sizeOfSource(source);
  const { size } = await stat(source.path).catch((cause) => {
    throw altered('ERR_BLOB_NOT_FOUND', source, 'was removed meanwhile', cause);
  });
  if (size !== expected)
    throw altered('ERR_BLOB_SIZE_MISMATCH', source, `has ${size} bytes instead of ${expected}`);
}

function requireDigest(source: LayerSource, actual: string): void {
  const digest = digestOfSource(source);
  if (actual !== digestHex(digest))
    throw altered('ERR_BLOB_DIGEST_MISMATCH', source, `now has the digest sha256:${actual}`);
}

function altered(
  code: 'ERR_BLOB_NOT_FOUND' | 'ERR_BLOB_SIZE_MISMATCH' | 'ERR_BLOB_DIGEST_MISMATCH',
  source: LayerSource,
  complaint: string,
  cause?: unknown,
): EngineError {
  const digest = digestOfSource(source);
  return new EngineError(
    code,
    `the stored ${source.kind} ${digest} ${complaint}: the disk or a program has altered ${source.path}; remove the image and pull it again`,
    { cause, details: { digest, path: source.path } },
  );
}

function bytesMissing({ blob, diffId, chainId }: LayerToUnpack): EngineError {
  return new EngineError(
    'ERR_LAYER_BYTES_MISSING',
    `layer ${diffId} is unpacked, but the bytes that it was unpacked from are not kept (keepCompressed is off): ` +
      'set storage.keepCompressed to true in the configuration and pull the image again',
    { details: { digest: blob.digest, diffId, chainId } },
  );
}
