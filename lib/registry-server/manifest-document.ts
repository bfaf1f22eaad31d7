import { EngineError } from '../errors/index.ts';
import { isIndexType, isManifestType, isSchema1Type, JsonObject, mediaTypes } from '../oci/index.ts';
import { type ContentDigest, parseContentDigest } from './content-digest.ts';

/** Bytes of the largest manifest that is taken: what the distribution-spec asks for at least. */
export const maxManifestBytes = 4 * 1024 * 1024;

/** What a manifest says of other content. */
export interface ManifestDocument {
  readonly mediaType: string;
  /** Config and layers, which must be there; not those that only their own place may hand out (foreign layers). */
  readonly blobs: readonly ContentLink[];
  /** Of an index. */
  readonly manifests: readonly ContentLink[];
  readonly subject?: ContentDigest;
  /** Its own, or for want of it its config's media type (distribution-spec, "Listing Referrers"). */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ContentLink {
  readonly digest: ContentDigest;
  /** bytes */
  readonly size: number;
  readonly mediaType: string;
}

const code = 'ERR_MANIFEST_INVALID';
const maxLinks = 10_000;

/**
 * Reads a manifest that somebody pushes. `contentType` is the request's; a document that says otherwise, or could be read
 * both as a manifest and as an index, is refused (CVE-2021-41190). Digests may be sha256 or sha512.
 * @throws EngineError ERR_MANIFEST_INVALID; Refusal DIGEST_INVALID
 */
export function readManifestDocument(bytes: Uint8Array, contentType: string | undefined): ManifestDocument {
  const source = new JsonObject(parse(bytes), 'manifest', code);
  const mediaType = mediaTypeOf(source, contentType);
  if (source.integer('schemaVersion') !== 2) throw source.error('schemaVersion', 'must be 2');
  const foreign = isIndexType(mediaType) ? ['config', 'layers', 'fsLayers'] : ['manifests', 'fsLayers'];
  const odd = foreign.find((name) => source.has(name));
  if (odd) throw source.error(odd, `does not belong into ${mediaType}`);
  return isIndexType(mediaType) ? readIndex(source, mediaType) : readManifest(source, mediaType);
}

/** The same of a manifest that is stored already; undefined when its bytes are no manifest any more: the disk has altered them. */
export function tryReadManifestDocument(bytes: Uint8Array, mediaType: string): ManifestDocument | undefined {
  try {
    return readManifestDocument(bytes, mediaType);
  } catch {
    return undefined;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new EngineError(code, `the manifest is not valid JSON: ${(cause as Error).message}`, { cause });
  }
}

/** What the request says, for want of it the document, for want of that its form. */
function mediaTypeOf(source: JsonObject, contentType: string | undefined): string {
  const claimed = source.string('mediaType', 255) || undefined;
  const given = contentType?.split(';')[0]?.trim().toLowerCase() || undefined;
  const isVague = given === undefined || given === 'application/json' || given === 'application/octet-stream';
  const form = source.has('manifests') ? mediaTypes.ociIndex : mediaTypes.ociManifest;
  const mediaType = isVague ? (claimed ?? form) : given;
  if (claimed !== undefined && claimed !== mediaType)
    throw source.error('mediaType', `says ${claimed}, but it was sent as ${mediaType}`);
  if (isIndexType(mediaType) || isManifestType(mediaType)) return mediaType;
  if (isSchema1Type(mediaType)) throw source.error('', 'is of Docker schema 1, which was withdrawn');
  throw source.error('', `has the media type ${mediaType}, which is neither of OCI nor of Docker schema 2`);
}

function readManifest(source: JsonObject, mediaType: string): ManifestDocument {
  const config = readLink(source.requiredObject('config'));
  const layers = source.objects('layers', maxLinks);
  if (layers === undefined) throw source.error('layers', 'is missing');
  const artifactType = source.string('artifactType', 255) || config.mediaType;
  const own = layers.filter((layer) => !layer.has('urls') || !isForeign(layer)).map(readLink);
  return { mediaType, blobs: [config, ...own], manifests: [], artifactType, ...readCommon(source) };
}

function readIndex(source: JsonObject, mediaType: string): ManifestDocument {
  const manifests = source.objects('manifests', maxLinks);
  if (manifests === undefined) throw source.error('manifests', 'is missing');
  const artifactType = source.string('artifactType', 255);
  const links = manifests.map(readLink);
  return {
    mediaType,
    blobs: [],
    manifests: links,
    ...(artifactType && { artifactType }),
    ...readCommon(source),
  };
}

function isForeign(layer: JsonObject): boolean {
  return /(foreign|nondistributable)/.test(layer.string('mediaType', 255) ?? '');
}

function readLink(source: JsonObject): ContentLink {
  const size = source.integer('size');
  if (size === undefined) throw source.error('size', 'is missing');
  return {
    digest: parseContentDigest(source.requiredString('digest')),
    size,
    mediaType: source.requiredString('mediaType', 255),
  };
}

function readCommon(source: JsonObject): Pick<ManifestDocument, 'subject' | 'annotations'> {
  const annotations = source.stringMap('annotations');
  const subject = source.object('subject');
  return { ...(annotations && { annotations }), ...(subject && { subject: readLink(subject).digest }) };
}
