import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../../test/fixtures/run-program.ts';

/**
 * An ext4 with a journal on a loop device over a file in memory, mounted below `folder` in this mount namespace only: the
 * same ground for all, whatever file system the machine has.
 */
export async function mountDisk(
  folder: string,
  gibibytes: number,
): Promise<AsyncDisposable & { readonly path: string }> {
  const image = join(folder, 'disk.img');
  const path = join(folder, 'disk');
  await mkdir(path, { recursive: true });
  const file = await open(image, 'w');
  await file.truncate(gibibytes * 2 ** 30);
  await file.close();
  await mustRun('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  await mustRun('mount', ['-o', 'loop', image, path]);
  const release = async (): Promise<void> => {
    await mustRun('umount', ['-l', path]);
    await rm(image);
  };
  return { path, [Symbol.asyncDispose]: release };
}
