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
  readonly key: string;
  /** bytes */
  readonly size: number;
  /** When it was last asked for: milliseconds of the epoch. */
  readonly needed: number;
}

/** Repositories that are mirrors below a prefix, as far as something of them is here. */
export async function mirroredRepositories(storage: RegistryStorage, prefix: string): Promise<Repository[]> {
  const below = (await listRepositories(storage)).filter(
    (name) => prefix === '' || name.startsWith(`${prefix}/`),
  );
  const repositories = below.map((name) => new Repository(storage, name));
  const isMirror = await Promise.all(repositories.map((one) => one.isMirror()));
  return repositories.filter((_, at) => isMirror[at]);
}

/** Blobs of all of them. */
export async function mirroredBlobs(storage: RegistryStorage, prefix: string): Promise<MirroredBlob[]> {
  const found: MirroredBlob[] = [];
  for (const repository of await mirroredRepositories(storage, prefix)) {
    for (const digest of await repository.blobs()) {
      const key = `${blobLinks(repository.name)}/${digest}`;
      const [link, status] = [await storage.read(key), await storage.stat(key)];
      if (link && status)
        found.push({
          key,
          size: (JSON.parse(link.toString()) as { size: number }).size,
          needed: status.needed,
        });
    }
  }
  return found;
}
