import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, rmdir, unlink, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { lockFile } from '../../../bindings/files.ts';
import {
  createScratch,
  makeDirectory,
  type Scratch,
  sweepScratches,
  syncDirectory,
} from '../../scratch/index.ts';
import { orUndefined, statusOf } from './absent.ts';
import { KnownFiles } from './known-files.ts';
import { localUploads } from './local-uploads.ts';
import type { ObjectStatus, RegistryStorage } from './registry-storage.ts';

/**
 * A storage in a directory:
 *
 *     objects/KEY           the objects; a file's mtime is when it was last needed
 *     uploads/ID/           data, about, lock
 *     drafts/RANDOM/        scratch of a process that lives: objects and uploads in the making
 *     objects/…/.NAME       one that is being removed: touch() takes it back
 *     locks/NAME            flock(2)
 *
 * A file is written beside, synced and renamed; then its folder is synced. `durable: false` leaves the syncs out: for
 * tests.
 */
export async function openLocalStorage(
  root: string,
  { durable = true }: { readonly durable?: boolean } = {},
): Promise<RegistryStorage> {
  for (const folder of ['objects', 'uploads', 'drafts', 'locks']) await makeDirectory(join(root, folder));
  await sweepScratches(join(root, 'drafts'));
  return new LocalStorage(root, durable, await createScratch(join(root, 'drafts')));
}

class LocalStorage implements RegistryStorage {
  readonly #root: string;
  readonly #durable: boolean;
  readonly #scratch: Scratch;
  readonly #known = new KnownFiles();
  /** Folders that are known to be there. */
  readonly #folders = new Set<string>();
  readonly uploads;

  constructor(root: string, durable: boolean, scratch: Scratch) {
    this.#root = root;
    this.#durable = durable;
    this.#scratch = scratch;
    const place = (from: string, key: string) => this.#place(from, key);
    this.uploads = localUploads({ root: join(root, 'uploads'), drafts: scratch.path, durable, place });
  }

  async read(key: string): Promise<Buffer | undefined> {
    return this.#whereItStands(key, (path) => this.#known.read(path));
  }

  async write(key: string, bytes: Uint8Array | string): Promise<void> {
    const draft = await this.#draft(bytes);
    try {
      await this.#place(draft, key);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async create(key: string, bytes: Uint8Array | string): Promise<boolean> {
    const draft = await this.#draft(bytes);
    try {
      await this.#inFolder(key, async () => {
        await setNeeded(draft);
        await link(draft, this.#path(key));
      });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async stat(key: string): Promise<ObjectStatus | undefined> {
    return this.#whereItStands(key, async (path) => statusOf(path));
  }

  async open(
    key: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<Readable | undefined> {
    const file = await this.#whereItStands(key, (path) => orUndefined(open(path)));
    return file?.createReadStream({ highWaterMark: 1 << 20, ...range });
  }

  path(key: string): string {
    return this.#path(key);
  }

  async touch(key: string): Promise<boolean> {
    const path = this.#path(key);
    // utimes(2) looks the name up first: the remover may rename the file and look at its time before that is written. What
    // has its name afterwards had its time before it loses the name.
    const touched = async () => {
      await orUndefined(setNeeded(path));
      return statusOf(path) !== undefined;
    };
    if (await touched()) return true;
    // Perhaps it is being removed. Then either the remover unlinks it, or this takes it back: the kernel decides.
    await orUndefined(rename(this.#hidden(key), path));
    return touched();
  }

  async remove(key: string): Promise<boolean> {
    const isGone = await this.#whereItStands(key, (path) => orUndefined(unlink(path).then(() => true)));
    if (isGone) await this.#tidy(dirname(this.#path(key)));
    return isGone ?? false;
  }

  async removeUnneeded(key: string, since: number): Promise<boolean> {
    const [path, hidden] = [this.#path(key), this.#hidden(key)];
    const seen = statusOf(path);
    if (seen !== undefined && seen.needed >= since) return false;
    await orUndefined(rename(path, hidden));
    // A touch before the rename shows here, a later one takes the file back; unlink() and not rm(), to which gone is done.
    const status = statusOf(hidden);
    if (status === undefined) return statusOf(path) === undefined;
    if (status.needed >= since) {
      // Not by rename(2): one that was written meanwhile is newer.
      await link(hidden, path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
      });
      await rm(hidden, { force: true });
      return false;
    }
    const isGone = (await orUndefined(unlink(hidden).then(() => true))) ?? false;
    if (isGone) await this.#tidy(dirname(path));
    return isGone;
  }

  async list(
    folder: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<string[]> {
    const { after = '', limit } = options;
    const names = (await orUndefined(readdir(this.#path(folder)))) ?? [];
    return [...new Set(names.map((name) => name.replace(/^\./, '')))]
      .filter((name) => name > after)
      .sort()
      .slice(0, limit);
  }

  async exclusively<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    const lock = await lockFile(join(this.#root, 'locks', name), { shared: false, wait: false });
    if (lock === null) return undefined;
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }

  #path(key: string): string {
    return join(this.#root, 'objects', key);
  }

  /**
   * Does something with an object's file. One that is being removed may be taken back, and until it is unlinked it is there:
   * under its hidden name, or under its own again.
   */
  async #whereItStands<T>(
    key: string,
    work: (path: string) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const path = this.#path(key);
    return (await work(path)) ?? (await work(this.#hidden(key))) ?? (await work(path));
  }

  #hidden(key: string): string {
    const path = this.#path(key);
    return join(dirname(path), `.${basename(path)}`);
  }

  async #draft(bytes: Uint8Array | string): Promise<string> {
    const path = join(this.#scratch.path, randomBytes(12).toString('hex'));
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      if (this.#durable) await file.datasync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return path;
  }

  /** Gives a synced file its name. */
  #place(from: string, key: string): Promise<void> {
    return this.#inFolder(key, async () => {
      await setNeeded(from);
      await rename(from, this.#path(key));
    });
  }

  /** Does what makes a file in a key's folder. Another process may remove the folder, once it is empty, at any time. */
  async #inFolder(key: string, make: () => Promise<unknown>): Promise<void> {
    const folder = dirname(this.#path(key));
    for (let attempt = 0; ; attempt++) {
      try {
        if (!this.#folders.has(folder)) await this.#makeFolder(folder);
        await make();
        break;
      } catch (error) {
        this.#folders.delete(folder);
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 100) throw error;
      }
    }
    if (this.#durable) await orUndefined(syncDirectory(folder));
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#durable) await makeDirectory(folder);
    else await mkdir(folder, { recursive: true, mode: 0o700 });
    this.#folders.add(folder);
  }

  /** Removes a folder that is empty, and those above it. */
  async #tidy(folder: string): Promise<void> {
    for (let at = folder; at !== join(this.#root, 'objects'); at = dirname(at)) {
      this.#folders.delete(at);
      if (
        !(await rmdir(at).then(
          () => true,
          () => false,
        ))
      )
        return;
    }
  }
}

/** By this process's clock: the kernel's own times of files may lie some milliseconds behind it. */
function setNeeded(path: string): Promise<void> {
  const now = new Date();
  return utimes(path, now, now);
}
