import type { Listed, ManifestDetail, RepositorySummary, TagSummary } from '../api-documents.ts';
import { isContentDigest } from '../content-digest.ts';
import {
  type Exchange,
  type Handler,
  needing,
  replyJson,
  repositoryOf,
  requireRepository,
} from '../exchange.ts';
import { describeManifest } from '../inspect/manifest-detail.ts';
import { describeRepository, sortedTags, summarizeAll, summarizeTag } from '../inspect/repository-view.ts';
import { Refusal } from '../refusal.ts';
import { listRepositories, type Repository } from '../repository.ts';
import { parseTagName } from '../repository-name.ts';
import { badRequest } from './json-body.ts';
import { firstReferrers } from './referrers.ts';

/** `GET /api/v1/repositories`: those that the asker may pull from. */
export const listRepositorySummaries: Handler = {
  needs: () => [],
  answer: async (exchange) => {
    const { identity, registry, query } = exchange;
    const text = (query.get('q') ?? '').toLowerCase();
    const all = await listRepositories(registry.storage);
    const found = all.filter((name) => name.includes(text) && identity.sees(name));
    const items = await summarizeAll(registry.storage, pageOf(exchange, found));
    replyJson(exchange, { items, total: found.length } satisfies Listed<RepositorySummary>);
  },
};

/** `GET /api/v1/repositories/NAME` */
export const getRepository: Handler = {
  needs: needing('pull'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    await requireRepository(repository);
    replyJson(exchange, await describeRepository(exchange.registry, exchange.identity, repository.name));
  },
};

/** `GET /api/v1/repositories/NAME/tags` */
export const listTagSummaries: Handler = {
  needs: needing('pull'),
  answer: async (exchange) => {
    const { registry, query } = exchange;
    const repository = repositoryOf(exchange);
    await requireRepository(repository);
    const found = await sortedTags(registry.storage, repository.name, query.get('q') ?? '');
    const items = await Promise.all(
      pageOf(exchange, found).map((one) => summarizeTag(registry, repository, one)),
    );
    const there = items.filter((one) => one !== undefined);
    replyJson(exchange, { items: there, total: found.length } satisfies Listed<TagSummary>);
  },
};

/** `GET /api/v1/repositories/NAME/manifests/REFERENCE`, by tag or digest. Of a mirror: what is here. */
export const getManifestDetail: Handler = {
  needs: needing('pull'),
  answer: async (exchange) => {
    const { registry, identity } = exchange;
    const repository = repositoryOf(exchange);
    await requireRepository(repository);
    const digest = await resolve(exchange, repository);
    const referrers = digest ? await firstReferrers(repository, digest) : [];
    const detail = digest && (await describeManifest(registry.storage, repository, digest, referrers));
    if (!detail) throw manifestUnknown(exchange, repository);
    const fixed = await hasImmutable(exchange, repository, detail.tags);
    const may = { delete: identity.may(repository.name, 'delete') && !fixed };
    replyJson(exchange, { ...detail, may } satisfies ManifestDetail);
  },
};

/** Whether one of the tags that would go is immutable: the one that was asked for, or all of a digest's. */
async function hasImmutable(
  { registry, parameters: { reference = '' } }: Exchange,
  { name }: Repository,
  tags: readonly string[],
): Promise<boolean> {
  const going = isContentDigest(reference) ? tags : [reference];
  const fixed = await Promise.all(going.map((tag) => registry.policy.isImmutable(name, parseTagName(tag))));
  return fixed.includes(true);
}

/** Entries of one page. */
const [usual, largest] = [50, 200];

/** What `from` and `n` ask for of a list. Throws Refusal UNSUPPORTED (400). */
export function pageOf<T>({ query }: Exchange, all: readonly T[]): T[] {
  const [from, n] = [query.get('from') ?? '0', query.get('n') ?? String(usual)];
  if (!/^\d{1,9}$/.test(from) || !/^\d{1,9}$/.test(n)) throw badRequest('from and n are numbers');
  return all.slice(Number(from), Number(from) + Math.min(Number(n), largest));
}

function resolve({ parameters: { reference = '' } }: Exchange, repository: Repository) {
  return isContentDigest(reference)
    ? Promise.resolve(reference)
    : repository.resolveTag(parseTagName(reference));
}

function manifestUnknown({ parameters: { reference = '' } }: Exchange, { name }: Repository): Refusal {
  return new Refusal('MANIFEST_UNKNOWN', `${name} has no ${reference.slice(0, 150)}`, {
    detail: { name, reference },
  });
}
