import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { isEngineError } from '../../../errors/index.ts';
import type { UploadStatus, UploadStorage } from '../registry-storage.ts';
import { uploadMissing, uploadOffset } from '../upload-errors.ts';
import { ChunkWriter } from './s3-append.ts';
import type { S3Client } from './s3-client.ts';
import type { Entry, EntryHeader, S3Entries } from './s3-entries.ts';
import { joinChunks } from './s3-join.ts';
import { listS3 } from './s3-list.ts';
import { HeldUpload, readRecord, sizeOf, type UploadRecord } from './s3-upload-record.ts';

interface Places {
  readonly prefix: string;
  /** Where the entry of an object's key is. */
  readonly place: (key: string) => string;
  readonly chunkSize?: number;
}

/**
 * Uploads as chunks, each an object of its own, and a record of them that is changed by compare-and-swap. Any replica reads what
 * has arrived, and goes on where another ended. When an upload becomes an object its chunks are joined by the store.
 */
export class S3Uploads implements UploadStorage {
  readonly patience = 200;
  readonly #client: S3Client;
  readonly #entries: S3Entries;
  readonly #places: Places;
  readonly #chunkSize: number;

  constructor(client: S3Client, entries: S3Entries, places: Places) {
    this.#client = client;
    this.#entries = entries;
    this.#places = places;
    this.#chunkSize = places.chunkSize ?? 8 << 20;
  }

  async begin(id: string, about: string): Promise<void> {
    const record: UploadRecord = { about, chunks: [] };
    const header = { needed: Date.now(), size: 0 };
    await this.#entries.put(this.#at(id), header, JSON.stringify(record), { absent: true });
  }

  async find(id: string): Promise<UploadStatus | undefined> {
    const found = await readRecord(this.#entries, this.#at(id));
    if (found === undefined) return undefined;
    const { about, note } = found.record;
    return { about, needed: found.needed, size: sizeOf(found.record), ...(note !== undefined && { note }) };
  }

  async append(
    id: string,
    offset: number,
    body: AsyncIterable<Uint8Array>,
    note?: () => string | undefined,
  ): Promise<number> {
    const upload = await HeldUpload.hold(this.#entries, this.#at(id), id);
    const size = sizeOf(upload.record);
    if (size !== offset) {
      await upload.release();
      throw uploadOffset(id, offset, size);
    }
    const writer = new ChunkWriter(this.#client, upload, this.#folder(id), this.#chunkSize);
    let failure: unknown;
    try {
      await writer.begin();
      for await (const piece of body) await writer.write(piece);
    } catch (error) {
      failure = error;
    }
    // Also behind a body that failed: what came before is kept.
    await this.#end(upload, writer, note);
    if (failure !== undefined) throw failure;
    return sizeOf(upload.record);
  }

  async open(
    id: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<Readable | undefined> {
    const found = await readRecord(this.#entries, this.#at(id));
    if (found === undefined) return undefined;
    const { start, end } = range ?? { start: 0, end: sizeOf(found.record) - 1 };
    return Readable.from(this.#pieces(id, found.record, start, end), { objectMode: false });
  }

  async commit(id: string, key: string, verified: number): Promise<void> {
    const upload = await HeldUpload.hold(this.#entries, this.#at(id), id);
    try {
      const size = sizeOf(upload.record);
      if (size !== verified) throw uploadOffset(id, verified, size);
      const data = await this.#dataOf(id, key, upload);
      const placed = await this.#place(this.#places.place(key), data, size);
      if (placed !== undefined) await this.#confirm(upload, this.#places.place(key), placed);
    } catch (error) {
      await upload.release();
      throw error;
    }
    upload.end();
    await this.#clear(id, key);
  }

  async remove(id: string): Promise<boolean> {
    const found = await readRecord(this.#entries, this.#at(id));
    if (found === undefined) return false;
    const upload = await HeldUpload.hold(this.#entries, this.#at(id), id);
    upload.end();
    await this.#clear(id, upload.record.commit?.key);
    return true;
  }

  async list(): Promise<string[]> {
    const { objects } = await listS3(this.#client, `${this.#places.prefix}uploads`);
    return [...objects];
  }

  async #end(upload: HeldUpload, writer: ChunkWriter, note?: () => string | undefined): Promise<void> {
    try {
      const chunks = await writer.end();
      const said = note?.();
      await upload.release({ chunks, ...(said !== undefined && { note: said }) }, true);
    } catch (error) {
      // The record has what got there before.
      await upload.release().catch(() => undefined);
      throw error;
    }
    if (writer.replaced !== undefined) await this.#client.send('DELETE', writer.replaced, { accept: [404] });
  }

  /** The key of all its bytes in one object, which the record names before anything refers to it; undefined: there are none. */
  async #dataOf(id: string, key: string, upload: HeldUpload): Promise<string | undefined> {
    const { chunks } = upload.record;
    const [only] = chunks;
    const data = chunks.length > 1 ? `${this.#folder(id)}/${randomUUID()}` : only?.key;
    await upload.save({ commit: { key, ...(data !== undefined && { data }) } });
    if (chunks.length > 1 && data !== undefined) await joinChunks(this.#client, chunks, data);
    return data;
  }

  /**
   * Makes the entry, and answers its ETag. One that there is has the same bytes, and clients may be reading them: it stays, and is
   * needed now; undefined.
   */
  async #place(at: string, data: string | undefined, size: number): Promise<string | undefined> {
    for (;;) {
      const header: EntryHeader = { needed: Date.now(), size, ...(data !== undefined && { data }) };
      const current = await this.#entries.settled(at);
      const condition = current === undefined ? ({ absent: true } as const) : { etag: current.etag };
      const stays = current !== undefined && (await this.#isWhole(current, size));
      const [next, bytes] = stays
        ? [{ ...current.header, needed: Date.now() }, current.bytes]
        : [header, Buffer.alloc(0)];
      const etag = await this.#entries.put(at, next, bytes, condition);
      if (etag === undefined) continue;
      const old = current?.header.data;
      if (!stays && old !== undefined && old !== data)
        await this.#client.send('DELETE', old, { accept: [404] });
      return stays ? undefined : etag;
    }
  }

  /**
   * Takes back an entry that was made when the upload was another's already, who may have removed its bytes: whoever holds it
   * from now on sees the entry. The bytes stay, since they may have become another's object. ERR_UPLOAD_BUSY
   */
  async #confirm(upload: HeldUpload, at: string, etag: string): Promise<void> {
    try {
      await upload.save({});
    } catch (error) {
      const entry: Entry = { header: { needed: 0, size: 0 }, bytes: Buffer.alloc(0), etag, age: 0 };
      if (isEngineError(error, 'ERR_UPLOAD_BUSY')) await this.#entries.remove(at, entry);
      throw error;
    }
  }

  async #isWhole({ header, bytes }: Entry, size: number): Promise<boolean> {
    if (header.gone || header.size !== size) return false;
    if (header.data === undefined) return bytes.length === size;
    const { status, headers } = await this.#client.send('HEAD', header.data, { accept: [404] });
    return status < 300 && Number(headers.get('content-length')) === size;
  }

  /** Removes its chunks but the one that is an object's bytes by now, and the record last. */
  async #clear(id: string, key: string | undefined): Promise<void> {
    const entry = key === undefined ? undefined : await this.#entries.get(this.#places.place(key));
    const folder = this.#folder(id);
    const { objects } = await listS3(this.#client, folder);
    for (const name of objects)
      if (`${folder}/${name}` !== entry?.header.data)
        await this.#client.send('DELETE', `${folder}/${name}`, { accept: [404] });
    await this.#entries.delete(this.#at(id));
  }

  /** From chunk to chunk; one that was written anew, with more behind it, has another name since. */
  async *#pieces(id: string, first: UploadRecord, start: number, end: number): AsyncGenerator<Buffer> {
    let record: UploadRecord | undefined = first;
    for (let at = start; at <= end; ) {
      const found = chunkAt(record, at);
      const last = found && Math.min(end - found.begins, found.chunk.size - 1);
      const body =
        found && (await this.#client.stream(found.chunk.key, { start: at - found.begins, end: last ?? 0 }));
      if (body === undefined) {
        const before: UploadRecord | undefined = record;
        record = (await readRecord(this.#entries, this.#at(id)))?.record;
        if (record === undefined || JSON.stringify(record.chunks) === JSON.stringify(before?.chunks))
          throw uploadMissing(id);
        continue;
      }
      for await (const piece of body as AsyncIterable<Buffer>) {
        at += piece.length;
        yield piece;
      }
    }
  }

  #at(id: string): string {
    return `${this.#places.prefix}uploads/${id}`;
  }

  #folder(id: string): string {
    return `${this.#places.prefix}data/${id}`;
  }
}

function chunkAt(record: UploadRecord | undefined, at: number) {
  let begins = 0;
  for (const chunk of record?.chunks ?? []) {
    if (at < begins + chunk.size) return { chunk, begins };
    begins += chunk.size;
  }
  return undefined;
}
