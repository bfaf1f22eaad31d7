import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContentSource } from '../../content/index.ts';
import { EngineError, isEngineError } from '../../errors/index.ts';
import { parseDigest } from '../../oci/index.ts';
import { type ContentDigest, createHashOf } from '../content-digest.ts';
import { blobKey } from '../keys.ts';
import type { Repository } from '../repository.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** Times that a download that was cut is gone on with. */
const mostAttempts = 5;
/** Milliseconds after which a reader looks again for what has been written, unless the storage says another time. */
const patience = 5;

/** A blob on its way from upstream into the storage, that any number of clients read while it arrives. */
export class Download {
  readonly digest: ContentDigest;
  /** bytes */
  readonly size: number;
  /** When it is stored, or will not be. */
  readonly ended: Promise<void>;
  readonly #storage: RegistryStorage;
  readonly #id: string;
  readonly #signal: AbortSignal;
  #isVerified = false;
  #failure: unknown;
  #arrived: (() => void)[] = [];

  private constructor(
    storage: RegistryStorage,
    repository: Repository,
    source: ContentSource,
    { digest, size }: { digest: ContentDigest; size: number },
    id: string,
    signal: AbortSignal,
  ) {
    this.#signal = signal;
    this.#storage = storage;
    this.#id = id;
    this.digest = digest;
    this.size = size;
    this.ended = this.#fetch(repository, source);
    this.ended.catch(() => undefined);
  }

  static async start(
    storage: RegistryStorage,
    repository: Repository,
    source: ContentSource,
    blob: { readonly digest: ContentDigest; readonly size: number },
    signal: AbortSignal,
  ): Promise<Download> {
    const id = randomUUID();
    await storage.uploads.begin(id, JSON.stringify({ repository: repository.name, mirrored: blob.digest }));
    return new Download(storage, repository, source, blob, id, signal);
  }

  /**
   * The bytes from `start` to `end` inclusive, as they arrive. The last byte of the blob is held back until its digest has been
   * verified: what is not right never looks complete. Fails when the download does.
   */
  read(start: number, end: number): Readable {
    return Readable.from(this.#pieces(start, end), { objectMode: false });
  }

  async *#pieces(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at <= end; ) {
      const there = Math.min(await this.#written(), end + 1);
      if (there <= at) {
        if (this.#failure) throw this.#failure;
        await this.#more();
        continue;
      }
      const range = { start: at, end: there - 1 };
      const body =
        (await this.#storage.uploads.open(this.#id, range)) ??
        (await this.#storage.open(blobKey(this.digest), range));
      if (body === undefined) throw this.#failure ?? new Error('the blob is gone');
      for await (const piece of body as AsyncIterable<Buffer>) yield piece;
      at = there;
    }
  }

  /** Bytes that may be sent. */
  async #written(): Promise<number> {
    if (this.#isVerified) return this.size;
    const size = (await this.#storage.uploads.find(this.#id))?.size ?? 0;
    return Math.min(size, this.size - 1);
  }

  async #more(): Promise<void> {
    const { patience: own } = this.#storage.uploads;
    // A storage that is far away is not asked at each piece that arrives.
    if (own !== undefined) return void (await Promise.race([this.ended.catch(() => undefined), delay(own)]));
    const arrived = new Promise<void>((resolve) => this.#arrived.push(resolve));
    await Promise.race([arrived, delay(patience)]);
  }

  #tell(): void {
    for (const resolve of this.#arrived.splice(0)) resolve();
  }

  async #fetch(repository: Repository, source: ContentSource): Promise<void> {
    try {
      await this.#fetchAll(source);
      await repository.addUpload(this.#id, this.digest, this.size);
      this.#isVerified = true;
    } catch (error) {
      this.#failure = error;
      await this.#storage.uploads.remove(this.#id);
      throw error;
    } finally {
      this.#tell();
    }
  }

  async #fetchAll(source: ContentSource): Promise<void> {
    const { uploads } = this.#storage;
    const signal = this.#signal;
    const hash = createHashOf('sha256');
    const tell = () => this.#tell();
    const descriptor = {
      mediaType: 'application/octet-stream',
      digest: parseDigest(this.digest),
      size: this.size,
    };
    async function* fed(offset: number): AsyncGenerator<Uint8Array> {
      for await (const chunk of await source.fetch(descriptor, { offset, signal })) {
        signal.throwIfAborted();
        hash.update(chunk);
        yield chunk;
        tell();
      }
    }
    for (let attempt = 1, offset = 0; offset < this.size; attempt++) {
      try {
        offset = await uploads.append(this.#id, offset, fed(offset));
      } catch (error) {
        const isCut = isEngineError(error, 'ERR_DOWNLOAD_INTERRUPTED');
        if (signal.aborted || !isCut || attempt === mostAttempts) throw error;
        offset = (await uploads.find(this.#id))?.size ?? 0;
      }
    }
    if (hash.digest() !== this.digest) throw altered(this.digest);
  }
}

function altered(digest: ContentDigest): EngineError {
  return new EngineError('ERR_BLOB_DIGEST_MISMATCH', `upstream sent something else as blob ${digest}`, {
    details: { digest },
  });
}
