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
    const wanted = exchange.query.get('artifactType') || undefined;
    const all = await allReferrers(repository, subject);
    const fitting = wanted === undefined ? all : all.filter(({ artifactType }) => artifactType === wanted);
    sendPage(exchange, `/v2/${repository.name}/referrers/${subject}`, fitting, wanted);
  },
};

/** What was recorded as it was pushed, and what a client listed under the fallback tag (distribution-spec, "Referrers Tag Schema"). */
async function allReferrers(repository: Repository, subject: ContentDigest): Promise<ReferrerDescriptor[]> {
  const recorded = await repository.referrers(subject);
  const known = new Set(recorded.map(({ digest }) => digest));
  const tagged = (await fallbackReferrers(repository, subject)).filter(({ digest }) => !known.has(digest));
  return [...recorded, ...tagged].sort((a, b) => (a.digest < b.digest ? -1 : 1));
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

function sendPage(
  exchange: Exchange,
  path: string,
  fitting: readonly ReferrerDescriptor[],
  wanted: string | undefined,
): void {
  const { after, limit } = readPage(exchange.query);
  const rest = fitting.filter(({ digest }) => digest > after);
  const manifests = rest.slice(0, limit);
  const last = manifests.at(-1);
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  reply(
    exchange,
    200,
    {
      'content-type': mediaTypes.ociIndex,
      ...(wanted !== undefined && { 'oci-filters-applied': 'artifactType' }),
      ...(last !== undefined && rest.length > limit && nextLink(path, exchange.query, last.digest, limit)),
    },
    body,
  );
}
