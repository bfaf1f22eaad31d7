import { randomUUID } from 'node:crypto';
import type { S3Client } from './s3-client.ts';
import type { Chunk, HeldUpload } from './s3-upload-record.ts';

/** Chunks on their way to the store at once, beside the one that is filled. */
const mostInFlight = 2;
/** Milliseconds for one of them. */
const patience = 300_000;

/**
 * Bytes of the chunk with that number: S3 joins at most 10 000 parts, so later ones are larger. 8 MiB for the first 1000,
 * 32 MiB for 4000 more, then 128 MiB: 760 GB in all.
 */
export function chunkSizeOf(number: number, first: number): number {
  if (number < 1000) return first;
  return first * (number < 5000 ? 4 : 16);
}

/** Writes a body behind the chunks that a held upload has, a chunk at a time, and keeps the record true after each. */
export class ChunkWriter {
  readonly #client: S3Client;
  readonly #upload: HeldUpload;
  readonly #folder: string;
  readonly #first: number;
  readonly #chunks: Chunk[];
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #last: Chunk | undefined;
  /** The key of the chunk that was written anew, with what follows it: once the record is saved nobody needs it. */
  replaced: string | undefined;
  #inFlight: Promise<void>[] = [];
  #recorded: Promise<void> = Promise.resolve();

  constructor(client: S3Client, upload: HeldUpload, folder: string, first: number) {
    this.#client = client;
    this.#upload = upload;
    this.#folder = folder;
    this.#first = first;
    this.#chunks = [...upload.record.chunks];
  }

  /** The last chunk, if it is not full, is read and written anew with what follows it. */
  async begin(): Promise<void> {
    const last = this.#chunks.at(-1);
    if (last === undefined || last.size >= chunkSizeOf(this.#chunks.length - 1, this.#first)) return;
    const { body } = await this.#client.send('GET', last.key, { timeout: patience });
    this.#chunks.pop();
    this.#last = last;
    this.#add(body);
  }

  async write(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const room = chunkSizeOf(this.#chunks.length, this.#first) - this.#bytes;
      const part = piece.subarray(at, at + room);
      this.#add(part);
      at += part.length;
      if (part.length === room) await this.#flush();
    }
  }

  /** What waits is written, however little it is. Answers all chunks. */
  async end(): Promise<readonly Chunk[]> {
    // What was there and got nothing more stays.
    if (this.#last !== undefined && this.#bytes === this.#last.size) this.#chunks.push(this.#last);
    else if (this.#bytes > 0) await this.#flush();
    await Promise.all(this.#inFlight);
    await this.#recorded;
    return this.#chunks;
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  async #flush(): Promise<void> {
    const body = Buffer.concat(this.#pieces);
    const chunk = { key: `${this.#folder}/${randomUUID()}`, size: body.length };
    this.#pieces = [];
    this.#bytes = 0;
    this.replaced ??= this.#last?.key;
    this.#last = undefined;
    this.#chunks.push(chunk);
    const chunks = [...this.#chunks];
    const sent = this.#client.send('PUT', chunk.key, { body, timeout: patience }).then(() => undefined);
    // In their order: a record never has a hole.
    this.#recorded = Promise.all([this.#recorded, sent]).then(() =>
      this.#upload.save({ chunks }, { arrived: true }),
    );
    this.#recorded.catch(() => undefined);
    this.#inFlight.push(sent);
    if (this.#inFlight.length <= mostInFlight) return;
    await this.#inFlight.shift();
  }
}
