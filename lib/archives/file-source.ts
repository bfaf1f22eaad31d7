import { createReadStream } from 'node:fs';
import type { ContentBody, ContentSource, FilePlace } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import type { StoredFile } from './files.ts';

/** A blob that stands in a file, or is at hand. */
export type Blob = StoredFile | Uint8Array;

/** Bytes read at once. */
const pieceSize = 1 << 20;

/** Content by digest, wherever `find` says that it is. Nothing is verified. */
export class FileSource implements ContentSource {
  readonly #name: string;
  readonly #find: (digest: Digest) => Blob | undefined;

  /** `name` of the whole, for messages. */
  constructor(name: string, find: (digest: Digest) => Blob | undefined) {
    this.#name = name;
    this.#find = find;
  }

  async fetch(
    descriptor: Descriptor,
    options: { readonly offset?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ContentBody> {
    const { offset = 0, signal } = options;
    const blob = this.#blob(descriptor);
    if (blob instanceof Uint8Array) return once(blob.subarray(offset));
    if (blob.size <= offset) return once(new Uint8Array());
    return createReadStream(blob.path, {
      start: blob.offset + offset,
      end: blob.offset + blob.size - 1,
      highWaterMark: pieceSize,
      ...(signal && { signal }),
    });
  }

  locate({ digest, size }: Descriptor): FilePlace | undefined {
    const blob = this.#find(digest);
    return blob === undefined || blob instanceof Uint8Array || blob.size !== size ? undefined : blob;
  }

  #blob({ digest }: Descriptor): Blob {
    const blob = this.#find(digest);
    if (blob !== undefined) return blob;
    throw new EngineError(
      'ERR_BLOB_NOT_FOUND',
      `blob ${digest} is missing from ${this.#name}: it is incomplete, or made for another platform; save the image again`,
      { details: { digest, archive: this.#name } },
    );
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
