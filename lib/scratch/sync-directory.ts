import { open } from 'node:fs/promises';

/** fsync(2) of a directory: the names in it survive power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
