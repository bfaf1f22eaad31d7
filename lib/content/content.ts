import type { Descriptor } from '../oci/index.ts';

/**
 * Content is bytes with a name: the sha256 digest of the bytes. Whoever has it offers a source, whoever takes it a sink;
 * a registry's repository, the local store and a layout on disk differ in nothing else, so every transfer is one verb
 * between two of them.
 *
 * A source is not trusted: it may end early, send more, or send other bytes. Whoever reads verifies size and digest
 * before the bytes are parsed or named.
 */
export interface ContentSource {
  /**
   * Opens the bytes of `descriptor` from `offset` (default 0, less than its size) to the end. When the other side cannot
   * begin there, the source drops what comes before. Leaving the iteration early releases the connection or file.
   * When the bytes are cut off the iteration fails with ERR_DOWNLOAD_INTERRUPTED: fetch again from where they ended.
   * ERR_BLOB_NOT_FOUND; ERR_BLOB_SIZE_MISMATCH; ERR_ABORTED.
   */
  fetch(
    descriptor: Descriptor,
    options?: { readonly offset?: number; readonly signal?: AbortSignal },
  ): Promise<ContentBody>;
  /**
   * Where the bytes stand on this machine, all of them, if they do: whoever takes them may then read them there himself.
   * Nothing is opened or verified. The place is good until the source is disposed of.
   */
  locate?(descriptor: Descriptor): FilePlace | undefined;
  /** Asks `origin` of a body no more, since what it sent did not have its digest. */
  distrust?(origin: string): void;
}

/** A run of bytes in a file. */
export interface FilePlace {
  readonly path: string;
  /** bytes */
  readonly offset: number;
}

/** Bytes that are arriving. Not asking for the next chunk stops the sender. */
export interface ContentBody extends AsyncIterable<Uint8Array> {
  /** Which of several places sends them, if the source has several. */
  readonly origin?: string;
}

/** Where content can be put. */
export interface ContentSink {
  /**
   * Stores the bytes under the descriptor's digest once size and digest are verified; before that nothing has that name.
   * What exists already is not read again. ERR_BLOB_SIZE_MISMATCH; ERR_BLOB_DIGEST_MISMATCH; ERR_NO_SPACE; ERR_ABORTED.
   */
  put(
    descriptor: Descriptor,
    body: AsyncIterable<Uint8Array>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<void>;
}
