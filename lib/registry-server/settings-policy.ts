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
  const usages = new Map<string, { usage: Promise<Usage>; at: number }>();
  const usageOf = (scope: string): Promise<Usage> => {
    const known = usages.get(scope);
    if (known && known.at > Date.now() - freshness) return known.usage;
    const usage = usageWithin(storage, scope);
    usages.set(scope, { usage, at: Date.now() });
    return usage;
  };
  return {
    ...defaultPolicy,
    sparseIndexes,
    ...(limits.blobBytes !== undefined && { maxBlobSize: limits.blobBytes }),
    isImmutable: async (repository, tag) =>
      immutable.some(({ scope, tags = '*' }) => isWithin(scope, repository) && fitsGlob(tags, tag)),
    room: async (repository, upload = '') => {
      const fitting = quotas.filter(({ scope }) => isWithin(scope, repository));
      const rooms = await Promise.all(
        fitting.map(async ({ scope, bytes }) => {
          const { total, uploads } = await usageOf(scope);
          return bytes - total + (uploads.get(upload) ?? 0);
        }),
      );
      return Math.min(Number.MAX_SAFE_INTEGER, ...rooms);
    },
  };
}

/** What a scope has, and what is arriving for it. */
interface Usage {
  /** bytes, with those of uploads */
  readonly total: number;
  readonly uploads: ReadonlyMap<string, number>;
}

async function usageWithin(storage: RegistryStorage, scope: string): Promise<Usage> {
  const uploads = new Map<string, number>();
  for (const id of await storage.uploads.list()) {
    const found = await storage.uploads.find(id);
    const { repository } = JSON.parse(found?.about || '{}') as { repository?: RepositoryName };
    if (found && repository !== undefined && isWithin(scope, repository)) uploads.set(id, found.size);
  }
  const arriving = [...uploads.values()].reduce((sum, size) => sum + size, 0);
  return { total: (await measure(storage, scope)) + arriving, uploads };
}

/** Bytes of the content of all repositories within a scope, each once. */
export async function measure(storage: RegistryStorage, scope: string): Promise<number> {
  const names = await listRepositories(storage);
  return measureRepositories(
    storage,
    names.filter((name) => isWithin(scope, name)),
  );
}

/** Bytes of the blobs and manifests of some repositories, each once. */
export async function measureRepositories(
  storage: RegistryStorage,
  names: readonly RepositoryName[],
): Promise<number> {
  const sizes = new Map<string, number>();
  for (const name of names) {
    const repository = new Repository(storage, name);
    for (const digest of await repository.blobs())
      if (!sizes.has(digest)) sizes.set(digest, await linkedSize(storage, name, digest));
    for (const digest of await repository.manifests())
      if (!sizes.has(digest)) sizes.set(digest, (await repository.manifestLink(digest))?.size ?? 0);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function linkedSize(storage: RegistryStorage, name: RepositoryName, digest: string): Promise<number> {
  const link = await storage.read(`${blobLinks(name)}/${digest}`);
  return link === undefined ? 0 : (JSON.parse(link.toString()) as { size: number }).size;
}
