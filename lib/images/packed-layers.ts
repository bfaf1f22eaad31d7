import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../bindings/files.ts';
import { packerVersion } from '../../bindings/pack.ts';
import { type Descriptor, type Digest, digestHex, isDigest } from '../oci/index.ts';
import { makeDirectory } from '../scratch/index.ts';
import type { PushCompression } from './push-progress.ts';

/**
 * Which blob a layer's tar was packed into, by its diffId, the compression and the compressors' versions: the next push knows
 * the digest before it packs anything, and packs nothing that the repository has. A file each, of which none
 * matters: what is lost or wrong is packed again.
 */
export class PackedLayers {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async find(diffId: Digest, compression: PushCompression): Promise<Descriptor | undefined> {
    const text = await readFile(this.#path(diffId, compression), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : parseDescriptor(text);
  }

  async remember(diffId: Digest, compression: PushCompression, descriptor: Descriptor): Promise<void> {
    await makeDirectory(this.#folder);
    const path = this.#path(diffId, compression);
    await writeFileAtomic(path, JSON.stringify(descriptor), { mode: 0o600, durable: false });
  }

  /** Forgets the layers that are gone, and what other versions have packed. */
  async sweep(diffIds: ReadonlySet<Digest>): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    const stale = names.filter((name) => {
      const diffId = `sha256:${name.slice(0, 64)}`;
      return !name.endsWith(suffix()) || !isDigest(diffId) || !diffIds.has(diffId);
    });
    await Promise.all(stale.map((name) => rm(join(this.#folder, name), { force: true })));
  }

  #path(diffId: Digest, { format, level }: PushCompression): string {
    return join(this.#folder, `${digestHex(diffId)}-${format}-${level ?? 'default'}${suffix()}`);
  }
}

/** The same tar and level make the same bytes from the same compressors. */
function suffix(): string {
  return `-${packerVersion().replace(/[^\w.-]+/g, '_')}.json`;
}

function parseDescriptor(text: string): Descriptor | undefined {
  try {
    return JSON.parse(text) as Descriptor;
  } catch {
    return undefined;
  }
}
