import { type BigIntStats, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { orUndefined } from './absent.ts';

/** Bytes of small files that are kept in memory, and of the largest that is. */
const capacity = 64 << 20;
const largest = 4 << 20;

/**
 * Small files from memory, as long as they are what is on the disk: a file that was replaced, by whatever process, has
 * another inode or another time. The least recently read go first.
 */
export class KnownFiles {
  readonly #files = new Map<string, { readonly identity: string; readonly bytes: Buffer }>();
  #size = 0;

  async read(path: string): Promise<Buffer | undefined> {
    const status = statSync(path, { throwIfNoEntry: false, bigint: true });
    if (status === undefined) return this.#forget(path);
    const identity = identityOf(status);
    const known = this.#files.get(path);
    if (known?.identity === identity) {
      this.#files.delete(path);
      this.#files.set(path, known);
      return known.bytes;
    }
    const bytes = await orUndefined(readFile(path));
    // What was read may be newer than what was asked about: then its identity is another the next time.
    if (bytes) this.#keep(path, identity, bytes);
    return bytes;
  }

  #keep(path: string, identity: string, bytes: Buffer): void {
    this.#forget(path);
    if (bytes.length > largest) return;
    this.#files.set(path, { identity, bytes });
    this.#size += bytes.length + path.length;
    for (const oldest of this.#files.keys()) {
      if (this.#size <= capacity) return;
      this.#forget(oldest);
    }
  }

  #forget(path: string): undefined {
    const known = this.#files.get(path);
    if (known === undefined) return;
    this.#files.delete(path);
    this.#size -= known.bytes.length + path.length;
  }
}

function identityOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}
