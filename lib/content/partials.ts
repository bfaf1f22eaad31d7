import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile } from '../../bindings/files.ts';
import { type Digest, digestHex, isDigest } from '../oci/index.ts';
import { waitForLock } from '../scratch/index.ts';

/** The exclusive right to make one thing, with the file that collects the bytes for it. */
export interface PartialDownload extends AsyncDisposable {
  /** Survives disposal, so that the next attempt continues; the caller removes or renames it when it is of no more use. */
  readonly path: string;
}

/**
 * Interrupted downloads, and who is at work on what. `<product hex>.<blob hex>` are bytes of a blob, `<product hex>.lock`
 * is held by flock(2) while somebody makes the product (a layer above its parents, by chainId) from it. Locks are per
 * product and not per blob because a product waits for its ancestors: that order has no cycles, whereas one blob may
 * lie above another in one image and below it in the next.
 */
export class Partials {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether somebody is at work on it, or died over it. */
  isClaimed(product: Digest): boolean {
    return existsSync(this.#lock(product));
  }

  /** Waits until nobody else is at work on `product`. Calls `onWait` once if somebody is. */
  async claim(
    product: Digest,
    blob: Digest,
    options: { readonly signal?: AbortSignal; readonly onWait?: () => void } = {},
  ): Promise<PartialDownload> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const lock = await waitForLock(this.#lock(product), options);
    return {
      path: join(this.#folder, `${digestHex(product)}.${digestHex(blob)}`),
      [Symbol.asyncDispose]: async () => {
        await rm(this.#lock(product), { force: true });
        lock.release();
      },
    };
  }

  /**
   * Deletes partial downloads that nobody is at work on: those of products that are made (by somebody who died before he
   * could), and those that have not grown for `age` milliseconds. Answers their bytes.
   */
  async sweep(age: number, isMade: (product: Digest) => Promise<boolean>): Promise<number> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    let bytes = 0;
    for (const product of new Set(names.flatMap(productOf))) {
      const partials = names.filter(
        (name) => name.startsWith(`${digestHex(product)}.`) && !name.endsWith('.lock'),
      );
      const limit = (await isMade(product)) ? Number.NEGATIVE_INFINITY : age;
      bytes += await this.#sweepProduct(product, partials, limit);
    }
    return bytes;
  }

  async #sweepProduct(product: Digest, partials: readonly string[], age: number): Promise<number> {
    const lock = await lockFile(this.#lock(product), { shared: false, wait: false });
    if (lock === null) return 0;
    try {
      let bytes = 0;
      for (const name of partials) bytes += await removeOlder(join(this.#folder, name), age);
      await rm(this.#lock(product), { force: true });
      return bytes;
    } finally {
      lock.release();
    }
  }

  #lock(product: Digest): string {
    return join(this.#folder, `${digestHex(product)}.lock`);
  }
}

function productOf(name: string): Digest[] {
  const digest = `sha256:${name.slice(0, 64)}`;
  return isDigest(digest) ? [digest] : [];
}

/** Answers the bytes that are gone. */
async function removeOlder(path: string, age: number): Promise<number> {
  const { mtimeMs, size } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY, size: 0 }));
  if (Date.now() - mtimeMs < age) return 0;
  await rm(path, { force: true });
  return size;
}
