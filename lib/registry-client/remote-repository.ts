import type { ContentSource } from '../content/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { ImageReference } from '../reference/index.ts';

/**
 * One repository of a registry, seen as a source of content. It stands for the registry and its mirrors: each call asks
 * the mirrors in their order and the registry last, and fails with the registry's own error. Disposal closes its
 * connections and cuts what is still being fetched.
 */
export interface RemoteRepository extends ContentSource, AsyncDisposable {
  readonly reference: ImageReference;

  /**
   * What a tag or a digest (by default the reference's own) stands for now, asked with HEAD, which Docker Hub does not
   * count as a pull.
   * @throws EngineError ERR_MANIFEST_NOT_FOUND, ERR_REGISTRY_*
   */
  describe(tagOrDigest?: string, options?: { signal?: AbortSignal }): Promise<Descriptor>;

  /**
   * The manifest or index behind a tag or a digest (by default the reference's own), whole. The bytes have the
   * descriptor's digest and length; they have not been parsed. `accept` lists the media types asked for.
   * @throws EngineError ERR_MANIFEST_NOT_FOUND, ERR_BLOB_DIGEST_MISMATCH, ERR_BLOB_TOO_LARGE (over 4 MiB), ERR_REGISTRY_*
   */
  resolve(
    tagOrDigest?: string,
    options?: { accept?: readonly string[]; signal?: AbortSignal },
  ): Promise<ResolvedManifest>;

  /**
   * A small blob or manifest, whole, its digest and length verified: for configs.
   * @throws EngineError ERR_BLOB_NOT_FOUND, ERR_BLOB_TOO_LARGE (over `limit` bytes, default 8 MiB), ERR_BLOB_*
   */
  fetchBytes(descriptor: Descriptor, options?: { limit?: number; signal?: AbortSignal }): Promise<Buffer>;

  /**
   * The bytes of a blob from `offset` on (default 0). The digest is the taker's to verify: only it sees the bytes before
   * the offset. The body ends after exactly `descriptor.size - offset` bytes or throws: ERR_DOWNLOAD_INTERRUPTED when
   * the connection was cut or stalled (fetch again from where it stopped), ERR_BLOB_SIZE_MISMATCH when the
   * blob is longer or shorter than its descriptor.
   */
  fetch(descriptor: Descriptor, options?: { offset?: number; signal?: AbortSignal }): Promise<RemoteBody>;

  /** Whether the repository has the blob or manifest. */
  has(descriptor: Descriptor, options?: { signal?: AbortSignal }): Promise<boolean>;

  /** Asks the host that `origin` names no more, because what it sent did not have its digest. */
  distrust(origin: string): void;
}

/** A manifest's verified bytes. */
export interface ResolvedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/**
 * Bytes that are arriving, in large buffers. Not asking for the next one stops the sender (back-pressure), leaving the
 * loop closes the connection.
 */
export interface RemoteBody extends AsyncIterable<Buffer> {
  /** Which mirror or registry sends it, as `distrust` takes it: `https://mirror.example`. */
  readonly origin: string;
}
