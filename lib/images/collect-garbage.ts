import type { BlobStore, Leases, Needs } from '../content/index.ts';
import { isEngineError } from '../errors/index.ts';
import { type Digest, isDigest } from '../oci/index.ts';
import type { LayerRecord, Snapshotter } from '../snapshots/index.ts';
import type { ContainerUse } from './images.ts';
import type { NameStore } from './name-store.ts';

/** Where things are kept, and who may need them. */
export interface GarbageStores {
  readonly names: NameStore;
  readonly leases: Leases;
  readonly blobs: BlobStore;
  readonly snapshots: Snapshotter;
  listContainers(): Promise<readonly ContainerUse[]>;
}

/** What a collection has removed. */
export interface Collected {
  readonly layers: readonly Digest[];
  /** Of layers and blobs. */
  readonly bytes: number;
}

/**
 * Removes those of `candidates` that no name, no lease and no container needs. The stores hide what goes, and ask for the
 * needs once more before they delete it, so nobody has to hold a lock while he takes a lease or records a container: it is
 * enough that he does so before he looks for what he needs.
 */
export async function collectGarbage(stores: GarbageStores, candidates: Needs): Promise<Collected> {
  const needs = await currentNeeds(stores);
  const sizes = await sizesOf(
    stores.snapshots,
    candidates.chainIds.filter((chainId) => !needs.chainIds.has(chainId)),
  );
  const blobs = candidates.blobs.filter((digest) => !needs.blobs.has(digest));
  const [removed, freed] = await Promise.allSettled([
    stores.snapshots.remove([...sizes.keys()], {
      keep: async () => (await currentNeeds(stores)).chainIds,
    }),
    stores.blobs.remove(blobs, async () => (await currentNeeds(stores)).blobs),
  ]);
  if (removed.status === 'rejected') throw removed.reason;
  if (freed.status === 'rejected') throw freed.reason;
  const [layers, bytes] = [removed.value, freed.value];
  return { layers, bytes: layers.reduce((sum, layer) => sum + (sizes.get(layer) ?? 0), bytes) };
}

/** Of those that are there. */
async function sizesOf(snapshots: Snapshotter, chainIds: readonly Digest[]): Promise<Map<Digest, number>> {
  const records = await Promise.all(
    [...new Set(chainIds)].map((chainId) => snapshots.stat(chainId).catch(absent)),
  );
  return new Map(records.flatMap((record) => (record ? [[record.chainId, record.size] as const] : [])));
}

async function currentNeeds(
  stores: GarbageStores,
): Promise<{ blobs: ReadonlySet<Digest>; chainIds: ReadonlySet<Digest> }> {
  const [names, leases, containers] = await Promise.all([
    stores.names.list(),
    stores.leases.list(),
    stores.listContainers(),
  ]);
  const tops = containers.flatMap(({ chainId }) => (isDigest(chainId) ? [chainId] : []));
  const ancestries = await Promise.all([...new Set(tops)].map((top) => ancestry(stores.snapshots, top)));
  const needs: readonly Needs[] = [...names, ...leases];
  const documents = containers.flatMap(({ blobs = [] }) => blobs.filter(isDigest));
  return {
    blobs: new Set([...needs.flatMap(({ blobs }) => blobs), ...documents]),
    chainIds: new Set([...needs.flatMap(({ chainIds }) => chainIds), ...ancestries.flat()]),
  };
}

/** A layer and all below it, as far as they are there. */
async function ancestry(snapshots: Snapshotter, top: Digest): Promise<Digest[]> {
  const found: Digest[] = [];
  for (let next: Digest | null = top; next !== null; ) {
    found.push(next);
    const layer: LayerRecord | undefined = await snapshots.stat(next).catch(absent);
    next = layer?.parent ?? null;
  }
  return found;
}

function absent(error: unknown): undefined {
  if (isEngineError(error, 'ERR_LAYER_NOT_FOUND')) return undefined;
  throw error;
}
