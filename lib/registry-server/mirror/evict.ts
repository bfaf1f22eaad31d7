import { blobLinks } from '../keys.ts';
import { listRepositories, Repository } from '../repository.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import type { MirrorSettings } from './mirrors.ts';

/**
 * Removes from a mirror the blobs that were asked for longest ago, until the rest is no more than its `maxBytes`; they are
 * fetched again when they are asked for. Their bytes go with the next collection. Answers how many bytes.
 */
export async function evict(storage: RegistryStorage, { prefix, maxBytes }: MirrorSettings): Promise<number> {
  if (maxBytes === undefined) return 0;
  const blobs = await mirroredBlobs(storage, prefix);
  let total = blobs.reduce((sum, { size }) => sum + size, 0);
  let evicted = 0;
  for (const { key, size } of blobs.sort((a, b) => a.needed - b.needed)) {
    if (total <= maxBytes) break;
    await storage.remove(key);
    total -= size;
    evicted += size;
  }
  return evicted;
}

/** A blob that a mirror has. */
export interface MirroredBlob {
  readonly repository: string;
  readonly key: string;
  /** bytes */
  readonly size: number;
  /** When it was last asked for: milliseconds of the epoch. */
  readonly needed: number;
}

/** Blobs of all repositories that are mirrors below a prefix. */
export async function mirroredBlobs(storage: RegistryStorage, prefix: string): Promise<MirroredBlob[]> {
  const found: MirroredBlob[] = [];
  for (const name of await listRepositories(storage)) {
    if (prefix !== '' && !name.startsWith(`${prefix}/`)) continue;
    const repository = new Repository(storage, name);
    if (!(await repository.isMirror())) continue;
    for (const digest of await repository.blobs()) {
      const key = `${blobLinks(name)}/${digest}`;
      const [link, status] = [await storage.read(key), await storage.stat(key)];
      if (link && status)
        found.push({
          repository: name,
          key,
          size: (JSON.parse(link.toString()) as { size: number }).size,
          needed: status.needed,
        });
    }
  }
  return found;
}
