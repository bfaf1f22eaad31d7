import { isWithin } from './access/role.ts';
import { fitsGlob } from './glob.ts';
import { blobLinks } from './keys.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import { listRepositories, Repository } from './repository.ts';
import type { RepositoryName } from './repository-name.ts';
import type { RegistrySettings } from './settings.ts';
import type { RegistryStorage } from './storage/registry-storage.ts';

/** Milliseconds for which a scope's size is believed: so much more than its quota it may get. */
const freshness = 2000;

/** What a registry accepts by its settings. */
export function policyOf(settings: RegistrySettings, storage: RegistryStorage): Policy {
  const { immutable = [], quotas = [], limits = {}, sparseIndexes = false } = settings;
  const sizes = new Map<string, { size: Promise<number>; at: number }>();
  const sizeOf = (scope: string): Promise<number> => {
    const known = sizes.get(scope);
    if (known && known.at > Date.now() - freshness) return known.size;
    const size = measure(storage, scope);
    sizes.set(scope, { size, at: Date.now() });
    return size;
  };
  return {
    ...defaultPolicy,
    sparseIndexes,
    ...(limits.blobBytes !== undefined && { maxBlobSize: limits.blobBytes }),
    isImmutable: async (repository, tag) =>
      immutable.some(({ scope, tags = '*' }) => isWithin(scope, repository) && fitsGlob(tags, tag)),
    room: async (repository) => {
      const fitting = quotas.filter(({ scope }) => isWithin(scope, repository));
      const rooms = await Promise.all(fitting.map(async ({ scope, bytes }) => bytes - (await sizeOf(scope))));
      return Math.min(Number.MAX_SAFE_INTEGER, ...rooms);
    },
  };
}

/** Bytes of the blobs of all repositories within a scope, each once. */
export async function measure(storage: RegistryStorage, scope: string): Promise<number> {
  const names = await listRepositories(storage);
  return measureRepositories(
    storage,
    names.filter((name) => isWithin(scope, name)),
  );
}

/** Bytes of the blobs of some repositories, each once. */
export async function measureRepositories(
  storage: RegistryStorage,
  names: readonly RepositoryName[],
): Promise<number> {
  const sizes = new Map<string, number>();
  for (const name of names)
    for (const digest of await new Repository(storage, name).blobs())
      if (!sizes.has(digest)) sizes.set(digest, await linkedSize(storage, name, digest));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function linkedSize(storage: RegistryStorage, name: RepositoryName, digest: string): Promise<number> {
  const link = await storage.read(`${blobLinks(name)}/${digest}`);
  return link === undefined ? 0 : (JSON.parse(link.toString()) as { size: number }).size;
}
