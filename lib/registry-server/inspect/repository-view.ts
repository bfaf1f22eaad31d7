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

/** A repository as lists show it. */
export async function summarize(storage: RegistryStorage, name: RepositoryName): Promise<RepositorySummary> {
  const tags = await ownTags(storage, name);
  const [dated, mirror] = [await datesOf(storage, name, tags), await storage.read(mirrorKey(name))];
  const latest = dated && Math.max(...dated.values());
  return {
    name,
    tags: tags.length,
    bytes: await measureRepositories(storage, [name]),
    ...(latest !== undefined && latest > 0 && { updatedAt: new Date(latest).toISOString() }),
    ...(mirror && { mirrorOf: mirror.toString() }),
  };
}

/** A repository by itself, for somebody. */
export async function describeRepository(
  { storage }: RegistryContext,
  identity: Identity,
  name: RepositoryName,
): Promise<RepositoryDocument> {
  const may = { push: identity.may(name, 'push'), delete: identity.may(name, 'delete') };
  const manifests = await new Repository(storage, name).manifests();
  return { ...(await summarize(storage, name)), manifests: manifests.length, may };
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
  const statuses = await Promise.all(tags.map((tag) => storage.stat(tagKey(name, tag))));
  return new Map(tags.flatMap((tag, at) => (statuses[at] ? [[tag, statuses[at].needed]] : [])));
}
