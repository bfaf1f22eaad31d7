import { isNotModified, readBody, strongEtag } from '../../http/index.ts';
import {
  algorithmOf,
  type ContentDigest,
  contentDigestOf,
  isContentDigest,
  parseContentDigest,
} from '../content-digest.ts';
import { type Exchange, type Handler, needing, reply, repositoryOf, unknownName } from '../exchange.ts';
import { type ManifestDocument, maxManifestBytes, readManifestDocument } from '../manifest-document.ts';
import { Refusal } from '../refusal.ts';
import type { Repository, StoredManifest } from '../repository.ts';
import { parseTagName, type TagName } from '../repository-name.ts';
import { tooLarge } from './limited-body.ts';
import { fromUpstream, requireOwn } from './mirrored.ts';

/** `GET` and `HEAD /v2/NAME/manifests/REFERENCE` (end-3). */
export const getManifest: Handler = {
  needs: needing('pull'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    const { tag, digest } = parseReference(exchange);
    const { manifest, isStale } = await findManifest(exchange, repository, digest ?? tag);
    if (!manifest) throw await manifestUnknown(repository, exchange.parameters.reference ?? '');
    const etag = strongEtag(manifest.digest);
    const warning = isStale ? { warning: '111 - "upstream cannot be reached"' } : {};
    const headers = { 'docker-content-digest': manifest.digest, etag, ...warning };
    if (isNotModified(exchange.request.headers['if-none-match'], etag)) return reply(exchange, 304, headers);
    if (exchange.request.method === 'GET') announcePull(exchange, repository, manifest.digest, tag);
    reply(exchange, 200, { 'content-type': manifest.mediaType, ...headers }, manifest.bytes);
  },
};

/** `PUT /v2/NAME/manifests/REFERENCE` (end-7); with a digest, `?tag=T&tag=U` names tags as well (distribution-spec 1.2). */
export const putManifest: Handler = {
  needs: needing('push'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    await requireOwn(exchange, repository);
    const { tag, digest: named } = parseReference(exchange);
    const tags = tag === undefined ? furtherTags(exchange) : [tag];
    const bytes = await readBody(exchange.request, maxManifestBytes);
    const document = readManifestDocument(bytes, exchange.request.headers['content-type']);
    const digest = contentDigestOf(bytes, named && algorithmOf(named));
    if (named !== undefined && named !== digest)
      throw new Refusal('DIGEST_INVALID', `the manifest's digest is ${digest}, not ${named}`, {
        detail: { named, digest },
      });
    await requireRoom(exchange, repository, digest, bytes.length);
    await storeManifest(exchange, repository, digest, bytes, document);
    for (const one of tags) await setTag(exchange, repository, one, digest, bytes, document);
    for (const one of tags.length > 0 ? tags : [undefined])
      announcePush(exchange, repository, digest, bytes.length, document, one);
    reply(exchange, 201, {
      location: `/v2/${repository.name}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(document.subject && { 'oci-subject': document.subject }),
      ...(tag === undefined && tags.length > 0 && { 'oci-tag': tags }),
    });
  },
};

/** `DELETE /v2/NAME/manifests/REFERENCE` (end-9): a tag goes alone, a manifest with its tags. */
export const deleteManifest: Handler = {
  needs: needing('delete'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    const { tag, digest } = parseReference(exchange);
    if (tag !== undefined) await requireMutable(exchange, repository, tag);
    else for (const one of await tagsOf(repository, digest)) await requireMutable(exchange, repository, one);
    const isGone =
      tag !== undefined ? await repository.removeTag(tag) : await repository.removeManifest(digest);
    if (!isGone) throw await manifestUnknown(repository, exchange.parameters.reference ?? '');
    exchange.registry.announce({
      action: 'delete',
      repository: repository.name,
      by: exchange.identity.name,
      ...(tag !== undefined ? { tag } : { digest }),
    });
    reply(exchange, 202);
  },
};

/** What is here, or what upstream has of a mirror. */
async function findManifest(
  { registry }: Exchange,
  repository: Repository,
  reference: TagName | ContentDigest,
): Promise<{ readonly manifest?: StoredManifest | undefined; readonly isStale: boolean }> {
  const mirror = await registry.mirrors.find(repository.name);
  if (mirror) return (await fromUpstream(mirror.manifest(reference))) ?? { isStale: false };
  const digest = isContentDigest(reference) ? reference : await repository.resolveTag(reference);
  return { manifest: digest && (await repository.manifest(digest)), isStale: false };
}

/** Tags of one request. */
const mostTags = 100;

/** Throws Refusal TAG_INVALID. */
function furtherTags({ query }: Exchange): TagName[] {
  const tags = query.getAll('tag').map(parseTagName);
  if (tags.length > mostTags) throw new Refusal('TAG_INVALID', `more than ${mostTags} tags at once`);
  return tags;
}

type Reference =
  | { readonly tag: TagName; readonly digest?: undefined }
  | { readonly tag?: undefined; readonly digest: ContentDigest };

function parseReference({ parameters: { reference = '' } }: Exchange): Reference {
  return reference.includes(':')
    ? { digest: parseContentDigest(reference) }
    : { tag: parseTagName(reference) };
}

/**
 * A manifest is there only with all that it names. Its blobs are needed from now on; they are asked about once more when the
 * manifest stands, since a collector may have read the repository's manifests meanwhile (see RegistryStorage).
 */
async function storeManifest(
  exchange: Exchange,
  repository: Repository,
  digest: ContentDigest,
  bytes: Buffer,
  document: ManifestDocument,
): Promise<void> {
  await requireParts(exchange, repository, document);
  const wasThere = await repository.needManifest(digest);
  await repository.addManifest(digest, bytes, document);
  try {
    await requireParts(exchange, repository, document);
  } catch (error) {
    if (!wasThere) await repository.removeManifest(digest);
    throw error;
  }
}

/** One that is there already takes no more. Throws Refusal SIZE_INVALID. */
async function requireRoom(
  { registry: { policy } }: Exchange,
  repository: Repository,
  digest: ContentDigest,
  size: number,
): Promise<void> {
  const room = await policy.room(repository.name);
  if (size > room && (await repository.manifestLink(digest)) === undefined) throw tooLarge(room);
}

async function requireParts(
  { registry }: Exchange,
  repository: Repository,
  { blobs, manifests }: ManifestDocument,
): Promise<void> {
  const missing: string[] = [];
  for (const { digest } of blobs) if (!(await repository.needBlob(digest))) missing.push(digest);
  for (const { digest } of manifests)
    if (!(await repository.needManifest(digest)) && !registry.policy.sparseIndexes) missing.push(digest);
  if (missing.length === 0) return;
  throw new Refusal('MANIFEST_BLOB_UNKNOWN', `the repository has not: ${missing.slice(0, 10).join(', ')}`, {
    detail: { digests: missing.slice(0, 100) },
  });
}

/** A manifest may be collected once it has no tag: one that has just got one is asked about again, and made anew if need be. */
async function setTag(
  exchange: Exchange,
  repository: Repository,
  tag: TagName,
  digest: ContentDigest,
  bytes: Buffer,
  document: ManifestDocument,
): Promise<void> {
  const once = await exchange.registry.policy.isImmutable(repository.name, tag);
  const before = await repository.resolveTag(tag);
  if (!(await repository.setTag(tag, digest, { once }))) throw immutable(repository, tag);
  if (await repository.needManifest(digest)) return;
  try {
    await storeManifest(exchange, repository, digest, bytes, document);
  } catch (error) {
    // The tag first, and then what it stands for: see RegistryStorage.
    const stands = before !== undefined && before !== digest && (await repository.setTag(tag, before));
    if (!stands || !(await repository.needManifest(before))) await repository.removeTag(tag);
    throw error;
  }
}

async function requireMutable({ registry }: Exchange, repository: Repository, tag: TagName): Promise<void> {
  if (!(await registry.policy.isImmutable(repository.name, tag))) return;
  if ((await repository.resolveTag(tag)) !== undefined) throw immutable(repository, tag);
}

async function tagsOf(repository: Repository, digest: ContentDigest): Promise<TagName[]> {
  const tags = await repository.tags();
  const digests = await Promise.all(tags.map((tag) => repository.resolveTag(tag)));
  return tags.filter((_, at) => digests[at] === digest);
}

function immutable(repository: Repository, tag: TagName): Refusal {
  return new Refusal('DENIED', `tag ${repository.name}:${tag} is immutable: push under another tag`, {
    detail: { tag },
  });
}

async function manifestUnknown(repository: Repository, reference: string): Promise<Refusal> {
  if (!(await repository.exists())) return unknownName(repository.name);
  const separator = isContentDigest(reference) ? '@' : ':';
  return new Refusal('MANIFEST_UNKNOWN', `there is no manifest ${repository.name}${separator}${reference}`, {
    detail: { name: repository.name, reference },
  });
}

function announcePull(
  { registry, identity }: Exchange,
  repository: Repository,
  digest: ContentDigest,
  tag: TagName | undefined,
): void {
  const { name } = identity;
  registry.announce({ action: 'pull', repository: repository.name, digest, by: name, ...(tag && { tag }) });
}

function announcePush(
  { registry, identity }: Exchange,
  repository: Repository,
  digest: ContentDigest,
  size: number,
  { mediaType }: ManifestDocument,
  tag: TagName | undefined,
): void {
  const by = identity.name;
  registry.announce({
    action: 'push',
    repository: repository.name,
    digest,
    size,
    mediaType,
    by,
    ...(tag && { tag }),
  });
}
