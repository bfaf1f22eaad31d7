import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeLock } from '../../../bindings/files.ts';
import { EngineError } from '../../errors/index.ts';
import { syncDirectory, waitForLock } from '../../scratch/index.ts';
import { orUndefined, statusOf } from './absent.ts';
import { appendBody } from './append-body.ts';
import type { UploadStorage } from './registry-storage.ts';
import { uploadBusy, uploadMissing, uploadOffset } from './upload-errors.ts';

/** Milliseconds for which a request waits for another that still writes, whose client has gone most likely. */
const patience = 5000;

interface Places {
  readonly root: string;
  /** Where uploads are made, on the same file system. */
  readonly drafts: string;
  readonly durable: boolean;
  /** Gives a synced file its key. */
  readonly place: (from: string, key: string) => Promise<void>;
}

/** Uploads as directories: `data`, `about`, and `lock`, which whoever writes holds. */
export function localUploads({ root, drafts, durable, place }: Places): UploadStorage {
  const at = (id: string, name = '') => join(root, id, name);
  const sizeOf = (id: string) => statusOf(at(id, 'data'))?.size;

  return {
    begin: async (id, about) => {
      const draft = join(drafts, id);
      await mkdir(draft, { mode: 0o700 });
      await writeFile(join(draft, 'about'), about, { mode: 0o600 });
      await writeFile(join(draft, 'data'), '', { mode: 0o600 });
      await rename(draft, at(id));
      if (durable) await syncDirectory(root);
    },
    find: async (id) => {
      const about = await orUndefined(readFile(at(id, 'about'), 'utf8'));
      const status = statusOf(at(id, 'data'));
      return about === undefined || status === undefined ? undefined : { ...status, about };
    },
    append: (id, offset, body) =>
      locked(id, at(id, 'lock'), async () => {
        const size = sizeOf(id);
        if (size === undefined) throw uploadMissing(id);
        if (size !== offset) throw uploadOffset(id, offset, size);
        return appendBody(at(id, 'data'), offset, body);
      }),
    open: async (id, range) => {
      const file = await orUndefined(open(at(id, 'data')));
      return file?.createReadStream({ highWaterMark: 1 << 20, ...range });
    },
    path: (id) => at(id, 'data'),
    commit: (id, key, verified) =>
      locked(id, at(id, 'lock'), async () => {
        const size = sizeOf(id);
        if (size === undefined) throw uploadMissing(id);
        if (size !== verified) throw uploadOffset(id, verified, size);
        if (durable) await sync(id, at(id, 'data'));
        await place(at(id, 'data'), key);
        await rm(at(id), { recursive: true, force: true });
      }),
    remove: async (id) => {
      if (!existsSync(at(id))) return false;
      await rm(at(id), { recursive: true, force: true });
      return true;
    },
    list: () => readdir(root),
  };
}

async function locked<T>(id: string, path: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockUpload(id, path);
  try {
    return await work();
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? uploadMissing(id) : error;
  } finally {
    lock.release();
  }
}

async function lockUpload(id: string, path: string): Promise<NativeLock> {
  try {
    return await waitForLock(path, { signal: AbortSignal.timeout(patience) });
  } catch (error) {
    const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    if (name === 'TimeoutError') throw uploadBusy(id);
    const { code } = cause ?? (error as NodeJS.ErrnoException);
    throw code === 'ENOENT' ? uploadMissing(id) : error;
  }
}

async function sync(id: string, path: string): Promise<void> {
  const file = await orUndefined(open(path));
  if (file === undefined) throw uploadMissing(id);
  try {
    await file.datasync();
  } catch (cause) {
    throw new EngineError('ERR_NO_SPACE', `upload ${id} did not get onto the disk`, { cause });
  } finally {
    await file.close();
  }
}
