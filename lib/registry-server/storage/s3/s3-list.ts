import type { S3Client } from './s3-client.ts';

/** Names right below a folder of keys. */
export interface S3Names {
  readonly objects: readonly string[];
  readonly folders: readonly string[];
}

/** Keys of one page, at most what S3 gives. */
const pageSize = 1000;

/**
 * Lists what is below `folder/` (ListObjectsV2), page by page, and ends when `limit` names are there. Keys are asked for in
 * URL's encoding, so that the answer needs no more than the plainest reading of XML.
 */
export async function listS3(
  client: S3Client,
  folder: string,
  { after, limit = Number.POSITIVE_INFINITY }: { readonly after?: string; readonly limit?: number } = {},
): Promise<S3Names> {
  const prefix = `${folder}/`;
  const names = { objects: [] as string[], folders: [] as string[] };
  let token: string | undefined;
  do {
    const { body } = await client.send('GET', '', {
      query: {
        'list-type': '2',
        delimiter: '/',
        'encoding-type': 'url',
        'max-keys': String(Math.min(pageSize, limit + 1)),
        prefix,
        ...(token === undefined && after && { 'start-after': prefix + after }),
        ...(token !== undefined && { 'continuation-token': token }),
      },
    });
    const text = body.toString();
    const isEncoded = text.includes('<EncodingType>url</EncodingType>');
    const read = (name: string) => nameOf(name, isEncoded).slice(prefix.length);
    for (const [, content = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs))
      names.objects.push(read(elementOf(content, 'Key')));
    for (const [, content = ''] of text.matchAll(/<CommonPrefixes>(.*?)<\/CommonPrefixes>/gs))
      names.folders.push(read(elementOf(content, 'Prefix')).replace(/\/$/, ''));
    const next = elementOf(text, 'NextContinuationToken');
    token = elementOf(text, 'IsTruncated') === 'true' && next !== '' ? unescapeXml(next) : undefined;
  } while (token !== undefined && names.objects.length + names.folders.length < limit);
  return names;
}

function elementOf(text: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';
}

/** Some stores encode although they do not say so, and some do not although they were asked: what they say counts. */
function nameOf(text: string, isEncoded: boolean): string {
  const plain = unescapeXml(text);
  return isEncoded ? decodeURIComponent(plain.replace(/\+/g, ' ')) : plain;
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(#x?[0-9A-Fa-f]+|[a-z]+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? whole;
    const isHex = name[1] === 'x';
    return String.fromCodePoint(Number.parseInt(name.slice(isHex ? 2 : 1), isHex ? 16 : 10));
  });
}
