import { closeSync, fsync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const sync = promisify(fsync);

/** fsync(2) of a directory: the names in it survive power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, 'r'); // takes less than one turn through libuv's pool
  try {
    await sync(directory);
  } finally {
    closeSync(directory);
  }
}
