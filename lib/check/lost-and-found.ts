import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeDirectory } from '../scratch/index.ts';

/**
 * Moves something to ROOT/lost+found, where nothing of it counts any more and nothing of it is lost. Answers where it is;
 * undefined: it is gone already.
 */
export async function putAside(root: string, path: string): Promise<string | undefined> {
  const folder = join(root, 'lost+found');
  await makeDirectory(folder);
  const place = join(folder, `${basename(path)}-${Date.now()}`);
  try {
    await rename(path, place);
    return place;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
