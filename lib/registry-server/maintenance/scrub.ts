import { algorithmOf, type ContentDigest, createHashOf } from '../content-digest.ts';
import { blobKey } from '../keys.ts';
import { tryReadManifestDocument } from '../manifest-document.ts';
import { listRepositories, Repository } from '../repository.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { listContent } from './collect-garbage.ts';

export interface ScrubProblem {
  /** `corrupt`: its bytes have another digest. `missing`: a repository has a link to it, or a manifest names it, and it is not there. */
  readonly what: 'corrupt' | 'missing';
  readonly digest: string;
  readonly repository?: string;
  readonly detail: string;
}

export interface ScrubReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly problems: readonly ScrubProblem[];
}

/**
 * Reads everything against its digest, and every manifest against what it names. `remove`: what is corrupt is taken away, so
 * that nobody is sent it and a push brings it anew.
 */
export async function scrubRegistry(
  storage: RegistryStorage,
  { remove = false, signal }: { readonly remove?: boolean; readonly signal?: AbortSignal } = {},
): Promise<ScrubReport> {
  const problems: ScrubProblem[] = [];
  let [blobs, bytes] = [0, 0];
  for await (const digest of listContent(storage)) {
    signal?.throwIfAborted();
    const found = await digestOfStored(storage, digest);
    if (found === undefined) continue;
    blobs++;
    bytes += found.size;
    if (found.digest === digest) continue;
    problems.push({ what: 'corrupt', digest, detail: `its bytes have the digest ${found.digest}` });
    if (remove) await storage.remove(blobKey(digest));
  }
  for (const name of await listRepositories(storage))
    problems.push(...(await missingOf(new Repository(storage, name))));
  return { blobs, bytes, problems };
}

async function digestOfStored(
  storage: RegistryStorage,
  digest: ContentDigest,
): Promise<{ digest: string; size: number } | undefined> {
  const body = await storage.open(blobKey(digest));
  if (body === undefined) return undefined;
  const hash = createHashOf(algorithmOf(digest));
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest(), size };
}

/** What is deleted meanwhile may be told of as missing: asked once more, it is not. */
async function missingOf(repository: Repository): Promise<ScrubProblem[]> {
  const problems: ScrubProblem[] = [];
  const isMirror = await repository.isMirror();
  const miss = (digest: string, detail: string) =>
    problems.push({ what: 'missing', digest, repository: repository.name, detail });
  for (const digest of await repository.manifests()) {
    const manifest = await repository.manifest(digest);
    if (manifest === undefined) {
      if (await repository.manifestLink(digest)) miss(digest, 'the manifest has no bytes');
      continue;
    }
    if (isMirror) continue;
    // One whose bytes were altered has been told of as corrupt.
    for (const blob of tryReadManifestDocument(manifest.bytes, manifest.mediaType)?.blobs ?? [])
      if ((await repository.blobSize(blob.digest)) === undefined && (await repository.manifestLink(digest)))
        miss(blob.digest, `manifest ${digest} names it`);
  }
  for (const tag of await repository.tags()) {
    const digest = await repository.resolveTag(tag);
    if (digest && !(await repository.manifestLink(digest)) && (await repository.resolveTag(tag)) === digest)
      miss(digest, `tag ${tag} stands for it`);
  }
  return problems;
}
