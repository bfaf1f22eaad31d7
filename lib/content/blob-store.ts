import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { diskUsage, removeTree } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, type Digest, digestHex, parseDigest } from '../oci/index.ts';
import {
  createScratch,
  makeDirectory,
  sweepScratches,
  syncDirectory,
  waitForLock,
} from '../scratch/index.ts';
import type { ContentBody, ContentSink, ContentSource, FilePlace } from './content.ts';
import { tooLarge } from './fetch-bytes.ts';
import { sizeMismatch, verifiedBody, verifyBytes } from './verify.ts';

/** A small blob that is at hand: a manifest, an index, a config. */
export interface SmallBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * Blobs on disk, by digest; any number of processes share them. A blob that has its name is whole, verified and safe from
 * power loss.
 *
 *     blobs/sha256/<hex>
 *     ingest/<random>/     scratch: blobs in the making
 *     removed/<hex>        hidden by remove(), which then deletes it or puts it back
 *     quarantine/<hex>-<milliseconds>   corrupt, and kept for whoever wants to look at it
 *     lock                 held by whoever removes
 */
export class BlobStore implements ContentSource, ContentSink {
  readonly #root: string;
  readonly #fileMode: number;

  /** `fileMode` of blobs: 0600, unless others are to read them. */
  constructor(root: string, { fileMode = 0o600 }: { readonly fileMode?: number } = {}) {
    this.#root = root;
    this.#fileMode = fileMode;
  }

  has(digest: Digest): boolean {
    return existsSync(this.path(digest));
  }

  /** Where a blob is, if it is there. */
  path(digest: Digest): string {
    return join(this.#root, 'blobs/sha256', digestHex(digest));
  }

  /**
   * A small blob, verified again. ERR_BLOB_NOT_FOUND, ERR_BLOB_TOO_LARGE (over `limit` bytes), or ERR_BLOB_*_MISMATCH when
   * the disk has altered it.
   */
  async read(descriptor: Descriptor, limit: number): Promise<Buffer> {
    if (descriptor.size > limit) throw tooLarge(descriptor, limit);
    const bytes = await readFile(this.path(descriptor.digest)).catch((error) => {
      throw missing(descriptor, error);
    });
    verifyBytes(descriptor, bytes);
    return bytes;
  }

  async fetch(
    descriptor: Descriptor,
    options: { readonly offset?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ContentBody> {
    const file = await open(this.path(descriptor.digest)).catch((error) => {
      throw missing(descriptor, error);
    });
    const { signal } = options;
    return file.createReadStream({
      start: options.offset ?? 0,
      highWaterMark: 1 << 20,
      ...(signal && { signal }),
    });
  }

  locate({ digest }: Descriptor): FilePlace | undefined {
    return this.has(digest) ? { path: this.path(digest), offset: 0 } : undefined;
  }

  async put(
    descriptor: Descriptor,
    body: AsyncIterable<Uint8Array>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    if (this.has(descriptor.digest)) return;
    await using scratch = await createScratch(join(this.#root, 'ingest'));
    const path = join(scratch.path, digestHex(descriptor.digest));
    await writeSynced(path, this.#fileMode, async (file) => {
      for await (const chunk of verifiedBody(descriptor, body)) {
        options.signal?.throwIfAborted();
        await file.appendFile(chunk);
      }
    });
    await this.#publish([{ path, digest: descriptor.digest }]);
  }

  /** Verifies and stores several small blobs at once, for the price of one. Throws what put() throws. */
  async putAll(blobs: readonly SmallBlob[]): Promise<void> {
    for (const { descriptor, bytes } of blobs) verifyBytes(descriptor, bytes);
    const missing = distinct(blobs).filter(({ descriptor }) => !this.has(descriptor.digest));
    if (missing.length === 0) return;
    await using scratch = await createScratch(join(this.#root, 'ingest'));
    const writes = missing.map(async ({ descriptor, bytes }) => {
      const path = join(scratch.path, digestHex(descriptor.digest));
      await writeSynced(path, this.#fileMode, (file) => file.writeFile(bytes));
      return { path, digest: descriptor.digest };
    });
    await this.#publish(await Promise.all(writes));
  }

  /** Takes over a file whose contents the caller has verified. It must be on the store's file system. */
  async adopt(descriptor: Descriptor, path: string): Promise<void> {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size !== descriptor.size) throw sizeMismatch(descriptor, size);
      await file.datasync();
    } finally {
      await file.close();
    }
    await this.#publish([{ path, digest: descriptor.digest }]);
  }

  async list(): Promise<Digest[]> {
    return this.#names('blobs/sha256');
  }

  /**
   * Removes blobs; absent is no error. They are hidden first, all of them; `keep` is asked then which of them somebody
   * needs after all, and those are put back. So whoever first records his need and then finds the blob in place keeps it.
   * Answers the bytes of those that are gone.
   */
  async remove(digests: readonly Digest[], keep?: () => Promise<ReadonlySet<Digest>>): Promise<number> {
    const present = digests.filter((digest) => this.has(digest));
    if (present.length === 0) return 0;
    mkdirSync(join(this.#root, 'removed'), { recursive: true, mode: 0o700 });
    const lock = await waitForLock(join(this.#root, 'lock'));
    try {
      for (const digest of present) renameIfPresent(this.path(digest), this.#hidden(digest));
      const [answer] = await Promise.allSettled([keep?.() ?? new Set<Digest>()]);
      let bytes = 0;
      for (const digest of present) {
        const stays = answer.status === 'rejected' || answer.value.has(digest);
        if (stays) renameIfPresent(this.#hidden(digest), this.path(digest));
        else bytes += removeFile(this.#hidden(digest));
      }
      if (answer.status === 'rejected') throw answer.reason;
      return bytes;
    } finally {
      lock.release();
    }
  }

  /** Takes a blob out of use, so that it can be stored anew. Answers where it is kept; null: there is none. */
  async quarantine(digest: Digest): Promise<string | null> {
    await makeDirectory(join(this.#root, 'quarantine'));
    const target = join(this.#root, 'quarantine', `${digestHex(digest)}-${Date.now()}`);
    if (!this.has(digest)) return null;
    renameIfPresent(this.path(digest), target);
    await syncDirectory(join(this.#root, 'blobs/sha256'));
    return target;
  }

  /** Deletes what quarantine() has put aside. Answers the bytes that it took. */
  async emptyQuarantine(): Promise<number> {
    const folder = join(this.#root, 'quarantine');
    if (!existsSync(folder)) return 0;
    const { bytes } = await diskUsage(folder);
    await removeTree(folder);
    return bytes;
  }

  /** Removes what dead processes were making, and takes back removals that were cut short. */
  async sweep(): Promise<void> {
    await sweepScratches(join(this.#root, 'ingest'));
    if ((await this.#names('removed')).length === 0) return;
    const lock = await waitForLock(join(this.#root, 'lock'));
    try {
      for (const digest of await this.#names('removed'))
        renameIfPresent(this.#hidden(digest), this.path(digest));
    } finally {
      lock.release();
    }
  }

  /** Gives synced files their names. */
  async #publish(files: readonly { path: string; digest: Digest }[]): Promise<void> {
    const folder = join(this.#root, 'blobs/sha256');
    await makeDirectory(folder);
    for (const { path, digest } of files) await rename(path, this.path(digest));
    await syncDirectory(folder);
  }

  async #names(folder: string): Promise<Digest[]> {
    const names = await readdir(join(this.#root, folder)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => parseDigest(`sha256:${name}`));
  }

  #hidden(digest: Digest): string {
    return join(this.#root, 'removed', digestHex(digest));
  }
}

function distinct(blobs: readonly SmallBlob[]): SmallBlob[] {
  return [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
}

async function writeSynced(
  path: string,
  mode: number,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await write(file);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Answers the bytes that are gone. */
function removeFile(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  rmSync(path, { force: true });
  return size;
}

/** Synchronous: a rename(2) takes less than one turn through libuv's pool. */
function renameIfPresent(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function missing(descriptor: Descriptor, cause: NodeJS.ErrnoException): unknown {
  if (cause.code !== 'ENOENT') return cause;
  return new EngineError(
    'ERR_BLOB_NOT_FOUND',
    `blob ${descriptor.digest} is not in the store: pull the image again`,
    { cause, details: { digest: descriptor.digest } },
  );
}
