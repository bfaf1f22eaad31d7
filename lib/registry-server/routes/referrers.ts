import { mediaTypes } from '../../oci/index.ts';
import type { ContentDigest } from '../content-digest.ts';
import { parseContentDigest } from '../content-digest.ts';
import { type Exchange, type Handler, needing, reply, repositoryOf } from '../exchange.ts';
import type { ReferrerDescriptor, Repository } from '../repository.ts';
import type { TagName } from '../repository-name.ts';
import { nextLink, readPage } from './pages.ts';

/**
 * `GET /v2/NAME/referrers/DIGEST` (end-12a, end-12b): an index of the manifests whose subject is that digest, whether or not
 * there is a manifest with it. In pages as tags are.
 */
export const listReferrers: Handler = {
  needs: needing('pull'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    const subject = parseContentDigest(exchange.parameters.digest ?? '');
    sendPage(exchange, subject, await readReferrers(exchange.query, repository, subject));
  },
};

/** The first page of what refers to a digest. */
export async function firstReferrers(
  repository: Repository,
  subject: ContentDigest,
): Promise<readonly ReferrerDescriptor[]> {
  return (await readReferrers(new URLSearchParams(), repository, subject)).manifests;
}

/** Bytes of a page's descriptors, the first aside: what the distribution-spec lets clients refuse is more. */
const mostBytes = 4 * 1024 * 1024;

interface Referrers {
  readonly manifests: readonly ReferrerDescriptor[];
  /** Whether there are more behind them. */
  readonly isMore: boolean;
}

/**
 * A page of what was recorded as it was pushed, and of what a client listed under the fallback tag (distribution-spec, "Referrers
 * Tag Schema"). Read one by one, since each may have megabytes of annotations.
 */
async function readReferrers(
  query: URLSearchParams,
  repository: Repository,
  subject: ContentDigest,
): Promise<Referrers> {
  const { after, limit } = readPage(query);
  const wanted = query.get('artifactType') || undefined;
  const tagged = new Map((await fallbackReferrers(repository, subject)).map((one) => [one.digest, one]));
  const digests = new Set<string>([...(await repository.referrers(subject)), ...tagged.keys()]);
  const manifests: ReferrerDescriptor[] = [];
  let bytes = 0;
  for (const digest of [...digests].filter((one) => one > after).sort()) {
    const one = (await repository.referrer(subject, digest as ContentDigest)) ?? tagged.get(digest);
    if (one === undefined || (wanted !== undefined && one.artifactType !== wanted)) continue;
    bytes += JSON.stringify(one).length;
    if (manifests.length === limit || (bytes > mostBytes && manifests.length > 0))
      return { manifests, isMore: true };
    manifests.push(one);
  }
  return { manifests, isMore: false };
}

/** Only those whose manifest is here and has that subject. */
async function fallbackReferrers(
  repository: Repository,
  subject: ContentDigest,
): Promise<ReferrerDescriptor[]> {
  const digest = await repository.resolveTag(subject.replace(':', '-').slice(0, 128) as TagName);
  const index = digest && (await repository.manifest(digest));
  if (index?.mediaType !== mediaTypes.ociIndex) return [];
  const { manifests = [] } = JSON.parse(index.bytes.toString()) as { manifests?: ReferrerDescriptor[] };
  const links = await Promise.all(
    manifests.map((one) => repository.manifestLink(one.digest as ContentDigest)),
  );
  return manifests.filter((_, at) => links[at]?.subject === subject);
}

function sendPage(exchange: Exchange, subject: ContentDigest, { manifests, isMore }: Referrers): void {
  const { parameters, query } = exchange;
  const last = manifests.at(-1);
  const path = `/v2/${parameters.name}/referrers/${subject}`;
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  const headers = {
    'content-type': mediaTypes.ociIndex,
    ...(query.get('artifactType') && { 'oci-filters-applied': 'artifactType' }),
    ...(last !== undefined && isMore && nextLink(path, query, last.digest, readPage(query).limit)),
  };
  reply(exchange, 200, headers, JSON.stringify(document));
}
