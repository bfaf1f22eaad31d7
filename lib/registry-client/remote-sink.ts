import type { ContentSink } from '../content/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { ImageReference } from '../reference/index.ts';

/**
 * One repository of a registry as a place to put content: the registry itself, never a mirror. It is asked for the rights
 * to pull and push. Disposal closes its connections and cuts what is still being sent.
 */
export interface RemoteSink extends ContentSink, AsyncDisposable {
  readonly reference: ImageReference;

  /** Whether the repository has the blob or manifest. */
  has(descriptor: Descriptor, options?: { signal?: AbortSignal }): Promise<boolean>;

  /**
   * Makes a blob present: taken by the registry from one of its other repositories (`mountFrom`: paths, tried in order),
   * or sent. A large one is streamed, and goes on after a cut where the registry says that it stands; `open` is called
   * with that offset. The registry names the blob only when its bytes have its digest.
   * @throws EngineError ERR_UPLOAD_REFUSED, ERR_UPLOAD_INTERRUPTED, ERR_REGISTRY_*, ERR_REPOSITORY_NOT_FOUND,
   * ERR_ABORTED; what `open` throws
   */
  putBlob(blob: BlobToSend, options?: PutBlobOptions): Promise<'mounted' | 'sent'>;

  /**
   * Stores a manifest or an index under its digest, and under `tag` when there is one. What it lists must be there.
   * @throws EngineError ERR_TAG_IMMUTABLE, and what `putBlob` throws
   */
  putManifest(
    descriptor: Descriptor,
    bytes: Uint8Array,
    options?: { tag?: string | undefined; signal?: AbortSignal },
  ): Promise<void>;
}

export interface BlobToSend {
  readonly descriptor: Descriptor;
  /** The bytes from an offset on; may be asked for again and again. */
  open(offset: number): AsyncIterable<Uint8Array>;
}

export interface PutBlobOptions {
  readonly mountFrom?: readonly string[];
  readonly signal?: AbortSignal;
  /** Bytes that were sent, of those that the registry is known to keep; less than before after a cut. */
  readonly onProgress?: (sent: number) => void;
  /** A cut: what follows is another attempt. */
  readonly onRetry?: () => void;
}
