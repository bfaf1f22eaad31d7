import { isEngineError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import { type ImageReference, parseReference } from '../reference/index.ts';
import type { ImageLoader } from './image-loader.ts';
import type { NameStore } from './name-store.ts';
import { isNameless } from './nameless.ts';

/** Which repositories of one registry are known to hold which blobs. */
export interface MountSources {
  /** Paths of other repositories of the registry. */
  of(blob: Digest): readonly string[];
  /** Whether any repository of any registry is known to hold it. */
  isKnown(blob: Digest): boolean;
  readonly paths: readonly string[];
}

/**
 * Collects from the names by digest, which only a pull or a push gives, where the wanted blobs can be had: a registry
 * takes them from its own other repositories instead of over the network.
 */
export async function findMountSources(
  stores: { readonly names: NameStore; readonly loader: ImageLoader },
  target: ImageReference,
  wanted: ReadonlySet<Digest>,
): Promise<MountSources> {
  const paths = new Map<Digest, Set<string>>();
  const known = new Set<Digest>();
  for (const name of await stores.names.list()) {
    const origin = isNameless(name.reference) ? undefined : parseReference(name.reference);
    if (origin?.digest === undefined) continue;
    const image = await stores.loader.load(name).catch(ignoreRemoved);
    const isElsewhere = origin.domain === target.domain && origin.path !== target.path;
    const digests = [name.config.digest, ...(image?.layers ?? []).map(({ blob }) => blob.digest)];
    for (const digest of digests.filter((one) => wanted.has(one))) {
      known.add(digest);
      if (isElsewhere) paths.set(digest, (paths.get(digest) ?? new Set()).add(origin.path));
    }
  }
  return {
    of: (blob) => [...(paths.get(blob) ?? [])].sort(),
    isKnown: (blob) => known.has(blob),
    paths: [...new Set([...paths.values()].flatMap((some) => [...some]))].sort(),
  };
}

function ignoreRemoved(error: unknown): undefined {
  if (isEngineError(error, 'ERR_BLOB_NOT_FOUND')) return undefined;
  throw error;
}
