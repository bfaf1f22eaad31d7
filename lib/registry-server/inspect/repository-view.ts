import { setTimeout as delay } from 'node:timers/promises';
import { formatPlatform } from '../../oci/index.ts';
import type { Identity } from '../access/access.ts';
import type { RepositoryDocument, RepositorySummary, TagSummary } from '../api-documents.ts';
import type { ContentDigest } from '../content-digest.ts';
import { mirrorKey, tagKey } from '../keys.ts';
import type { RegistryContext } from '../registry-context.ts';
import { Repository } from '../repository.ts';
import type { RepositoryName, TagName } from '../repository-name.ts';
import { measureRepositories } from '../settings-policy.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import {
  childrenOf,
  type ManifestFacts,
  platformOf,
  readChildren,
  readFacts,
  sizeOfAll,
} from './manifest-facts.ts';
import { isAttachmentTag } from './manifest-kind.ts';

/** Tags of one repository that are put in the order of their times; more stay in the order of their names. */
const mostDated = 1000;

/** Milliseconds that a list waits for what takes reading all links; who is not ready then is shown without. */
const patience = 2000;
/** Tags that are looked at at once. */
const atOnce = 50;

/** Repositories as lists show them. What takes long is left out, and is read to its end for those who ask next. */
export async function summarizeAll(
  storage: RegistryStorage,
  names: readonly RepositoryName[],
): Promise<RepositorySummary[]> {
  const late = delay(patience, undefined, { ref: false });
  const costly = names.map((name) => costlyFacts(storage, name).catch(() => undefined));
  return Promise.all(
    names.map(async (name, at) => ({
      ...(await plainFacts(storage, name)),
      ...(await Promise.race([costly[at], late])),
    })),
  );
}

async function plainFacts(
  storage: RegistryStorage,
  name: RepositoryName,
): Promise<Pick<RepositorySummary, 'name' | 'tags' | 'mirrorOf'>> {
  const mirror = await storage.read(mirrorKey(name));
  const { length } = await ownTags(storage, name);
  return { name, tags: length, ...(mirror && { mirrorOf: mirror.toString() }) };
}

/** What takes reading each link. */
async function costlyFacts(
  storage: RegistryStorage,
  name: RepositoryName,
): Promise<Pick<RepositoryDocument, 'bytes' | 'updatedAt'>> {
  const bytes = await measureRepositories(storage, [name]);
  const dated = await datesOf(storage, name, await ownTags(storage, name));
  const latest = Math.max(0, ...(dated?.values() ?? []));
  return { bytes, ...(latest > 0 && { updatedAt: new Date(latest).toISOString() }) };
}

/** A repository by itself, for somebody. */
export async function describeRepository(
  { storage }: RegistryContext,
  identity: Identity,
  name: RepositoryName,
): Promise<RepositoryDocument> {
  const may = { push: identity.may(name, 'push'), delete: identity.may(name, 'delete') };
  const manifests = await new Repository(storage, name).manifests();
  const facts = { ...(await plainFacts(storage, name)), ...(await costlyFacts(storage, name)) };
  return { ...facts, manifests: manifests.length, may };
}

/** Tags with that text in them, those that were set last first. Those by which something is attached to others are left out. */
export async function sortedTags(
  storage: RegistryStorage,
  name: RepositoryName,
  text: string,
): Promise<{ readonly tag: TagName; readonly setAt?: number }[]> {
  const tags = (await ownTags(storage, name)).filter((tag) => tag.includes(text));
  const dates = await datesOf(storage, name, tags);
  if (dates === undefined) return tags.map((tag) => ({ tag }));
  return [...dates]
    .map(([tag, setAt]) => ({ tag, setAt }))
    .sort((a, b) => b.setAt - a.setAt || (a.tag < b.tag ? -1 : 1));
}

/** A tag as lists show it; undefined: it, or what it stands for, is gone. */
export async function summarizeTag(
  { storage, policy }: RegistryContext,
  repository: Repository,
  { tag, setAt }: { readonly tag: TagName; readonly setAt?: number },
): Promise<TagSummary | undefined> {
  const digest = await repository.resolveTag(tag);
  const facts = digest && (await readFacts(storage, repository, digest));
  if (facts === undefined) return undefined;
  const children = await readChildren(storage, repository, facts);
  return {
    tag,
    digest: facts.manifest.digest,
    mediaType: facts.document.mediaType,
    kind: facts.kind,
    bytes: sizeOfAll([facts, ...children.values()]),
    platforms: platformsOf(facts, children),
    ...(setAt !== undefined && { setAt: new Date(setAt).toISOString() }),
    isImmutable: await policy.isImmutable(repository.name, tag),
    referrers: (await repository.referrers(facts.manifest.digest)).length,
  };
}

function platformsOf(facts: ManifestFacts, children: ReadonlyMap<ContentDigest, ManifestFacts>): string[] {
  if (facts.config) return [formatPlatform(facts.config.platform)];
  const named = childrenOf(facts).map((child) => {
    const config = children.get(child.digest as ContentDigest)?.config;
    return (
      platformOf(child) ??
      (child.platform === undefined && config ? formatPlatform(config.platform) : undefined)
    );
  });
  return [...new Set(named.filter((one) => one !== undefined))];
}

async function ownTags(storage: RegistryStorage, name: RepositoryName): Promise<TagName[]> {
  return (await new Repository(storage, name).tags()).filter((tag) => !isAttachmentTag(tag));
}

/** When each was set, in milliseconds of the epoch; undefined for too many. */
async function datesOf(
  storage: RegistryStorage,
  name: RepositoryName,
  tags: readonly TagName[],
): Promise<Map<TagName, number> | undefined> {
  if (tags.length > mostDated) return undefined;
  const dates = new Map<TagName, number>();
  for (let at = 0; at < tags.length; at += atOnce) {
    const some = tags.slice(at, at + atOnce);
    const statuses = await Promise.all(some.map((tag) => storage.stat(tagKey(name, tag))));
    for (const [index, tag] of some.entries()) {
      const status = statuses[index];
      if (status) dates.set(tag, status.needed);
    }
  }
  return dates;
}
