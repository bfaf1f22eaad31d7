import { removeTree } from '../../bindings/files.ts';
import type { BlobStore, Leases } from '../content/index.ts';
import { formatReference, parseReference, pinReference } from '../reference/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { isNameless } from './nameless.ts';
import type { Repair, ScrubProblem } from './scrub-report.ts';

/** What a repair takes from the rest of the engine. */
export interface RepairStores {
  readonly names: NameStore;
  readonly blobs: BlobStore;
  readonly leases: Leases;
  readonly snapshots: Snapshotter;
}

/** Fetches what an image lacks: by digest, so that it is this very image. */
export type PullAgain = (reference: string, platform: string) => Promise<unknown>;

/**
 * Takes what is corrupt out of use, and pulls the images again that had it; the corrupt copy is deleted when a whole one
 * has taken its place. A lease keeps everything else that the images have meanwhile.
 */
export async function repairImages(
  stores: RepairStores,
  problems: readonly ScrubProblem[],
  pull: PullAgain,
): Promise<Repair[]> {
  if (problems.length === 0) return [];
  const names = await stores.names.list();
  const concerned = names.filter(({ reference }) =>
    problems.some(({ images }) => images.includes(reference)),
  );
  await using _lease = await stores.leases.take({
    blobs: concerned.flatMap(({ blobs }) => blobs),
    chainIds: concerned.flatMap(({ chainIds }) => chainIds),
  });
  const places: (string | null)[] = [];
  for (const problem of problems) places.push(await takeOutOfUse(stores, problem));
  const failures = new Map<string, string>();
  for (const name of sourcesOf(concerned)) {
    await pull(pinned(name), name.platform).catch((error: unknown) => {
      failures.set(name.manifest.digest, error instanceof Error ? error.message : String(error));
    });
  }
  const repairs = problems.map((problem, at) =>
    conclude(stores, problem, places[at] ?? null, concerned, failures),
  );
  return await Promise.all(repairs);
}

/** Where the corrupt copy is now; null: there was none. */
async function takeOutOfUse(
  { snapshots, blobs }: RepairStores,
  problem: ScrubProblem,
): Promise<string | null> {
  if (problem.kind === 'blob') return await blobs.quarantine(problem.digest);
  return (await snapshots.has(problem.digest)) ? await snapshots.quarantine(problem.digest) : null;
}

/** Each image once, by a name that a registry can know. */
function sourcesOf(names: readonly ImageName[]): ImageName[] {
  const named = names.filter(({ reference }) => !isNameless(reference));
  return [...new Map(named.map((name) => [name.manifest.digest, name])).values()];
}

function pinned({ reference, target }: ImageName): string {
  return formatReference(pinReference(parseReference(reference), target.digest));
}

async function conclude(
  { snapshots, blobs }: RepairStores,
  { kind, digest, images }: ScrubProblem,
  quarantine: string | null,
  concerned: readonly ImageName[],
  failures: ReadonlyMap<string, string>,
): Promise<Repair> {
  const repaired = kind === 'blob' ? blobs.has(digest) : await snapshots.has(digest);
  if (repaired) {
    if (quarantine !== null) await removeTree(quarantine);
    return { kind, digest, repaired, quarantine: null };
  }
  const user = concerned.find(
    ({ reference, manifest }) => images.includes(reference) && failures.has(manifest.digest),
  );
  const failure =
    (user && failures.get(user.manifest.digest)) ??
    (images.length === 0
      ? 'no image has it: it is of no use any more'
      : 'no image that has it can be pulled from a registry');
  return { kind, digest, repaired, quarantine, failure };
}
