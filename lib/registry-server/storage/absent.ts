import { statSync } from 'node:fs';
import type { ObjectStatus } from './registry-storage.ts';

/** The result, or undefined when there is no such file. */
export async function orUndefined<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * A file's size and time; undefined when there is none. Not by libuv's threads: what is asked for is in the kernel's memory
 * nearly always, and then this takes 3 microseconds, where a thread takes 60.
 */
export function statusOf(path: string): ObjectStatus | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  // utimes() takes seconds, as a floating number: a millisecond comes back as a little less or more.
  return found?.isFile() ? { size: found.size, needed: Math.round(found.mtimeMs) } : undefined;
}
