import { isWithin } from './access/role.ts';
import { fitsGlob } from './glob.ts';
import { blobLinks } from './keys.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import { listRepositories, Repository } from './repository.ts';
import type { RepositoryName } from './repository-name.ts';
import type { RegistrySettings } from './settings.ts';
import type { RegistryStorage } from './storage/registry-storage.ts';

/** Milliseconds for which a scope's size is believed when it has been read: so much more than its quota it may get. */
const freshness = 2000;

/** What a registry accepts by its settings. */
export function policyOf(settings: RegistrySettings, storage: RegistryStorage): Policy {
  const { immutable = [], quotas = [], limits = {}, sparseIndexes = false } = settings;
  const usages = new Map<string, { usage: Promise<Usage>; at: number }>();
  const usageOf = (scope: string): Promise<Usage> => {
    const known = usages.get(scope);
    if (known && known.at > Date.now() - freshness) return known.usage;
    const usage = usageWithin(storage, scope);
    // While it is read nobody else begins to: a large scope of a bucket takes longer than it is believed.
    const entry = { usage, at: Number.POSITIVE_INFINITY };
    usages.set(scope, entry);
    const end = () => {
      entry.at = Date.now();
    };
    usage.then(end, end);
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

/** Sizes that have been read: what a digest names has always the same. Forgotten when there are too many. */
const knownSizes = new WeakMap<RegistryStorage, Map<string, number>>();
const mostKnown = 200_000;
/** Links that are read at once: in a bucket each is a request. */
const atOnce = 16;

/** Bytes of the blobs and manifests of some repositories, each once. */
export async function measureRepositories(
  storage: RegistryStorage,
  names: readonly RepositoryName[],
): Promise<number> {
  const sizes = new Map<string, number>();
  for (const name of names) {
    const repository = new Repository(storage, name);
    const blobs = (await repository.blobs()).map((digest) => ({
      digest,
      read: () => linkedSize(storage, name, digest),
    }));
    const manifests = (await repository.manifests()).map((digest) => ({
      digest,
      read: async () => (await repository.manifestLink(digest))?.size,
    }));
    await addSizes(storage, sizes, [...blobs, ...manifests]);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function addSizes(
  storage: RegistryStorage,
  sizes: Map<string, number>,
  links: readonly { readonly digest: string; readonly read: () => Promise<number | undefined> }[],
): Promise<void> {
  const known = knownSizes.get(storage) ?? new Map<string, number>();
  knownSizes.set(storage, known);
  if (known.size > mostKnown) known.clear();
  const rest = links.filter(({ digest }) => !sizes.has(digest));
  for (let at = 0; at < rest.length; at += atOnce) {
    const some = rest.slice(at, at + atOnce);
    await Promise.all(
      some.map(async ({ digest, read }) => {
        const size = known.get(digest) ?? (await read());
        // A link that has gone meanwhile counts nothing, and says nothing of others.
        if (size !== undefined) known.set(digest, size);
        sizes.set(digest, size ?? 0);
      }),
    );
  }
}

async function linkedSize(
  storage: RegistryStorage,
  name: RepositoryName,
  digest: string,
): Promise<number | undefined> {
  const link = await storage.read(`${blobLinks(name)}/${digest}`);
  return link && (JSON.parse(link.toString()) as { size: number }).size;
}
