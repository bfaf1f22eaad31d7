import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile, type NativeLock, removeTree } from '../../bindings/files.ts';

/** rm -r. */
type Remove = (path: string) => Promise<void>;

/** A directory of one's own until disposal removes it; what was renamed away by then stays where it went. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes an empty directory (0700) below `parent`, which is made as well. Beside it lies `<path>.lock`, held by flock(2)
 * while it lives: the kernel lets go of it when this process dies. `remove`: for who may not remove all of it himself.
 */
export async function createScratch(parent: string, remove: Remove = removeTree): Promise<Scratch> {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  for (;;) {
    const path = join(parent, randomBytes(8).toString('hex'));
    const lock = await lockFile(lockOf(path), { shared: false, wait: false });
    if (lock === null) continue; // a sweep saw the lock before it was taken, and removes it
    mkdirSync(path, { mode: 0o700 });
    return { path, [Symbol.asyncDispose]: () => removeScratch(path, lock, remove) };
  }
}

/** Paths of the scratch directories below `parent` whose makers live. */
export async function livingScratches(parent: string): Promise<string[]> {
  const paths = await listScratches(parent);
  const locks = await Promise.all(paths.map((path) => tryLock(path)));
  for (const lock of locks) lock?.release();
  return paths.filter((_, at) => locks[at] === null);
}

/** Paths of those whose makers are dead. */
export async function deadScratches(parent: string): Promise<string[]> {
  const living = new Set(await livingScratches(parent));
  return (await listScratches(parent)).filter((path) => !living.has(path) && existsSync(path));
}

/** Removes the scratch directories of dead processes. Many processes may do so at once. */
export async function sweepScratches(parent: string, remove: Remove = removeTree): Promise<void> {
  for (const path of await listScratches(parent)) {
    const lock = await tryLock(path);
    if (lock) await removeScratch(path, lock, remove);
  }
}

async function removeScratch(path: string, lock: NativeLock, remove: Remove): Promise<void> {
  try {
    await remove(path);
    rmSync(lockOf(path), { force: true });
  } finally {
    lock.release();
  }
}

async function listScratches(parent: string): Promise<string[]> {
  const names = await readdir(parent).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return [...new Set(names.map((name) => name.replace(/\.lock$/, '')))]
    .filter((name) => /^[0-9a-f]{16}$/.test(name))
    .map((name) => join(parent, name));
}

function tryLock(path: string): Promise<NativeLock | null> {
  return lockFile(lockOf(path), { shared: false, wait: false });
}

function lockOf(path: string): string {
  return `${path}.lock`;
}
