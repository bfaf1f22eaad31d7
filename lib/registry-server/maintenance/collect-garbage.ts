import { isEngineError } from '../../errors/index.ts';
import { algorithms, type ContentDigest, isContentDigest } from '../content-digest.ts';
import { blobKey, blobLinks, blobsFolder, manifestLinks, referrerLinks } from '../keys.ts';
import { tryReadManifestDocument } from '../manifest-document.ts';
import { listRepositories, Repository, type StoredManifest } from '../repository.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { applyRetention, type RetentionRule } from './retention.ts';

export interface CollectOptions {
  /** Milliseconds for which what nothing refers to is kept, because somebody may be about to: an hour by default. */
  readonly grace?: number;
  /** Milliseconds after which an upload that nobody goes on with is given up: a day by default. */
  readonly uploadLife?: number;
  /** Whether manifests go that no tag, and no index or subject with a tag, leads to. They stay by default. */
  readonly untagged?: boolean;
  readonly retention?: readonly RetentionRule[];
  readonly signal?: AbortSignal | undefined;
}

/** What a collection has removed. */
export interface CollectReport {
  tags: number;
  manifests: number;
  /** From repositories. */
  blobs: number;
  /** Of content that no repository had any more. */
  bytes: number;
  uploads: number;
  /** Repositories of which a manifest cannot be read: nothing of them was removed. Scrub says which. */
  readonly damaged: string[];
}

type Settings = Required<Omit<CollectOptions, 'signal'>> & Pick<CollectOptions, 'signal'>;

const defaults: Settings = { grace: 3600_000, uploadLife: 24 * 3600_000, untagged: false, retention: [] };

/**
 * Removes what nothing refers to, while the registry serves and others push: see RegistryStorage for why nothing is lost.
 * Undefined: somebody else is collecting.
 */
export function collectGarbage(
  storage: RegistryStorage,
  options: CollectOptions = {},
): Promise<CollectReport | undefined> {
  return storage.exclusively('collect', () => collect(storage, { ...defaults, ...options }));
}

async function collect(storage: RegistryStorage, options: Settings): Promise<CollectReport> {
  // All references are read after this instant; what was needed later than it, less the grace, stays.
  const since = Date.now() - options.grace;
  const report: CollectReport = { tags: 0, manifests: 0, blobs: 0, bytes: 0, uploads: 0, damaged: [] };
  report.uploads = await removeUploads(storage, options.uploadLife);
  for (const name of await listRepositories(storage)) {
    options.signal?.throwIfAborted();
    const repository = new Repository(storage, name);
    report.tags += await applyRetention(storage, repository, options.retention);
    await collectRepository(storage, repository, since, options.untagged, report);
  }
  await collectContent(storage, since, report, options.signal);
  return report;
}

async function removeUploads(storage: RegistryStorage, life: number): Promise<number> {
  let removed = 0;
  for (const id of await storage.uploads.list()) {
    const upload = await storage.uploads.find(id);
    const isOver = upload === undefined || upload.needed < Date.now() - life;
    if (isOver && (await removeUpload(storage, id))) removed++;
  }
  return removed;
}

/** One that somebody still writes to, however slowly, waits for the next collection, and keeps nobody from this one. */
async function removeUpload(storage: RegistryStorage, id: string): Promise<boolean> {
  try {
    return await storage.uploads.remove(id);
  } catch (error) {
    if (isEngineError(error, 'ERR_UPLOAD_BUSY')) return false;
    throw error;
  }
}

async function collectRepository(
  storage: RegistryStorage,
  repository: Repository,
  since: number,
  untagged: boolean,
  report: CollectReport,
): Promise<void> {
  const manifests = await readManifests(repository);
  if (manifests === undefined) return void report.damaged.push(repository.name);
  const gone = untagged ? await removeUntagged(storage, repository, manifests, since) : new Set();
  report.manifests += gone.size;
  const needed = new Set<ContentDigest>();
  for (const [digest, { links }] of manifests)
    if (!gone.has(digest)) for (const link of links) needed.add(link);
  for (const digest of await repository.blobs()) {
    if (needed.has(digest)) continue;
    if (await storage.removeUnneeded(`${blobLinks(repository.name)}/${digest}`, since)) report.blobs++;
  }
}

interface Links {
  readonly links: readonly ContentDigest[];
  readonly children: readonly ContentDigest[];
  readonly subject?: ContentDigest;
}

/** Undefined when one of them cannot be read. */
async function readManifests(repository: Repository): Promise<Map<ContentDigest, Links> | undefined> {
  const found = new Map<ContentDigest, Links>();
  for (const digest of await repository.manifests()) {
    const manifest = await readManifest(repository, digest);
    if (manifest === 'gone') continue;
    const links = manifest && linksOf(manifest);
    if (links === undefined) return undefined;
    found.set(digest, links);
  }
  return found;
}

/**
 * A manifest is put link first and bytes second, and it may be deleted at any time: its bytes are waited for a little while
 * its link is there.
 */
async function readManifest(
  repository: Repository,
  digest: ContentDigest,
): Promise<StoredManifest | 'gone' | undefined> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const manifest = await repository.manifest(digest);
    if (manifest !== undefined) return manifest;
    if ((await repository.manifestLink(digest)) === undefined) return 'gone';
    await new Promise((resolve) => setTimeout(resolve, 20 * attempt));
  }
  return undefined;
}

/** Undefined for bytes that are no manifest any more. */
function linksOf({ bytes, mediaType }: StoredManifest): Links | undefined {
  const document = tryReadManifestDocument(bytes, mediaType);
  if (document === undefined) return undefined;
  const { blobs, manifests, subject } = document;
  return {
    links: blobs.map(({ digest }) => digest),
    children: manifests.map(({ digest }) => digest),
    ...(subject && { subject }),
  };
}

async function removeUntagged(
  storage: RegistryStorage,
  repository: Repository,
  manifests: ReadonlyMap<ContentDigest, Links>,
  since: number,
): Promise<Set<ContentDigest>> {
  const reached = await reachable(repository, manifests);
  const gone = new Set<ContentDigest>();
  for (const [digest, { subject }] of manifests) {
    if (reached.has(digest)) continue;
    if (!(await storage.removeUnneeded(`${manifestLinks(repository.name)}/${digest}`, since))) continue;
    if (subject !== undefined) await storage.remove(`${referrerLinks(repository.name, subject)}/${digest}`);
    gone.add(digest);
  }
  return gone;
}

/** From tags through indexes, and from a subject that is reached to what refers to it. */
async function reachable(
  repository: Repository,
  manifests: ReadonlyMap<ContentDigest, Links>,
): Promise<Set<ContentDigest>> {
  const referrers = new Map<ContentDigest, ContentDigest[]>();
  for (const [digest, { subject }] of manifests)
    if (subject) referrers.set(subject, [...(referrers.get(subject) ?? []), digest]);
  const waiting: ContentDigest[] = [];
  for (const tag of await repository.tags()) {
    const digest = await repository.resolveTag(tag);
    if (digest) waiting.push(digest);
  }
  const reached = new Set<ContentDigest>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...(manifests.get(next)?.children ?? []), ...(referrers.get(next) ?? []));
  }
  return reached;
}

/** Content that no repository has. */
async function collectContent(
  storage: RegistryStorage,
  since: number,
  report: CollectReport,
  signal: AbortSignal | undefined,
): Promise<void> {
  const linked = new Set<string>();
  for (const name of await listRepositories(storage)) {
    const repository = new Repository(storage, name);
    for (const digest of await repository.blobs()) linked.add(digest);
    for (const digest of await repository.manifests()) linked.add(digest);
  }
  for await (const digest of listContent(storage)) {
    signal?.throwIfAborted();
    if (linked.has(digest)) continue;
    const size = (await storage.stat(blobKey(digest)))?.size ?? 0;
    if (await storage.removeUnneeded(blobKey(digest), since)) report.bytes += size;
  }
}

/** Digests of all content that a storage has. */
export async function* listContent(storage: RegistryStorage): AsyncGenerator<ContentDigest> {
  for (const algorithm of algorithms) {
    for (const part of await storage.list(`${blobsFolder}/${algorithm}`)) {
      for (const hex of await storage.list(`${blobsFolder}/${algorithm}/${part}`)) {
        const digest = `${algorithm}:${hex}`;
        if (isContentDigest(digest)) yield digest;
      }
    }
  }
}
