import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilePlace } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';

/** Where the bytes of one file of an archive or a folder are. */
export interface StoredFile extends FilePlace {
  /** bytes */
  readonly size: number;
}

/** Files by path, as an archive or a folder has them. Links lead to what they lead to within it, and never out of it. */
export interface Files {
  /** What it is called in messages. */
  readonly name: string;
  /** Undefined when there is no regular file of that name. ERR_ARCHIVE_INVALID for a name that is none, or stands twice. */
  find(path: string): StoredFile | undefined;
}

/** The files of a folder. Names are those that a layout has; links that stand in it are its owner's business. */
export function folderFiles(folder: string): Files {
  return {
    name: folder,
    find: (path) => {
      const file = join(folder, path);
      const found = statSync(file, { throwIfNoEntry: false });
      return found?.isFile() ? { path: file, offset: 0, size: found.size } : undefined;
    },
  };
}

/**
 * The bytes of a small file; undefined when it is absent.
 * @throws EngineError ERR_ARCHIVE_INVALID when it has more than `limit`, or was cut meanwhile
 */
export async function readSmallFile(files: Files, path: string, limit: number): Promise<Buffer | undefined> {
  const found = files.find(path);
  if (found === undefined) return undefined;
  if (found.size > limit) {
    throw invalidArchive(files.name, `its ${path} has ${found.size} bytes; at most ${limit} are accepted`);
  }
  return readPlace(found, found.size);
}

/** `size` bytes of a file from a place on. ERR_ARCHIVE_INVALID when there are fewer. */
export async function readPlace(place: FilePlace, size: number): Promise<Buffer> {
  const file = await open(place.path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size), position: place.offset });
    if (bytesRead < size) throw invalidArchive(place.path, 'it became shorter while it was read');
    return buffer;
  } finally {
    await file.close();
  }
}

/** ERR_ARCHIVE_INVALID. `name`: what the archive is called in messages; `complaint`: what is wrong, and what to do. */
export function invalidArchive(name: string, complaint: string, cause?: unknown): EngineError {
  return new EngineError('ERR_ARCHIVE_INVALID', `cannot read images from ${name}: ${complaint}`, {
    cause,
    details: { archive: name },
  });
}
