import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { createScratch, livingScratches, sweepScratches } from '../scratch/index.ts';

/** What somebody refers to: none of it may be removed. */
export interface Needs {
  readonly blobs: readonly Digest[];
  readonly chainIds: readonly Digest[];
}

/**
 * Leases keep what has no name yet: whoever is about to publish something takes one first, on all that it will stand for,
 * whether or not that exists already. A lease ends with its disposal, or with its process.
 */
export class Leases {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async take(needs: Needs): Promise<AsyncDisposable> {
    const scratch = await createScratch(this.#folder);
    const draft = join(scratch.path, 'draft');
    await writeFile(draft, JSON.stringify(needs));
    await rename(draft, join(scratch.path, 'lease.json'));
    return scratch;
  }

  /** What all leases of living processes need. */
  async list(): Promise<Needs[]> {
    const leases = (await livingScratches(this.#folder)).map(async (path) => {
      const text = await readFile(join(path, 'lease.json'), 'utf8').catch(() => undefined);
      return text === undefined ? [] : [JSON.parse(text) as Needs];
    });
    return (await Promise.all(leases)).flat();
  }

  sweep(): Promise<void> {
    return sweepScratches(this.#folder);
  }
}
