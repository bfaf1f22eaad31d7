import type { BlobStore, Leases, Partials } from '../content/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { NameStore } from './name-store.ts';

/** The stores in which a process that dies can leave something. */
export interface HealedStores {
  readonly names: NameStore;
  readonly leases: Leases;
  readonly blobs: BlobStore;
  readonly partials: Partials;
  readonly snapshots: Snapshotter;
}

/** Milliseconds after which nobody is expected to continue an interrupted download. */
const partialAge = 7 * 24 * 60 * 60 * 1000;

/**
 * Removes what dead processes left half-made, and downloads that nobody has continued for `age` milliseconds. A few
 * readdir(2) when there is nothing. Answers the bytes of those downloads.
 */
export async function heal(
  { names, leases, blobs, partials, snapshots }: HealedStores,
  age = partialAge,
): Promise<number> {
  const [bytes] = await Promise.all([
    partials.sweep(age, (chainId) => snapshots.has(chainId)),
    names.sweep(),
    leases.sweep(),
    blobs.sweep(),
    snapshots.sweep(),
  ]);
  return bytes;
}
