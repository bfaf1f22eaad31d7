import { EngineError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  digestOf,
  isDigest,
  maxManifestSize,
  mediaTypes,
} from '../oci/index.ts';
import { readDocument } from './document.ts';
import type { ResolvedManifest } from './remote-repository.ts';
import type { TransportResponse } from './transport.ts';

/**
 * Reads a manifest and verifies it: against the digest it was asked by, and against the one the registry claims.
 * @throws EngineError ERR_BLOB_DIGEST_MISMATCH, ERR_BLOB_TOO_LARGE
 */
export async function readManifest(
  response: TransportResponse,
  asked: { name: string; digest: Digest | undefined },
): Promise<ResolvedManifest> {
  const bytes = await readDocument(response, maxManifestSize, `the manifest of ${asked.name}`);
  const digest = digestOf(bytes);
  const claimed = response.headers['docker-content-digest'];
  for (const expected of [asked.digest, isDigest(claimed) ? claimed : undefined]) {
    if (expected !== undefined && expected !== digest) throw mismatch(response, asked.name, expected, digest);
  }
  return { descriptor: { mediaType: mediaTypeOf(response, bytes), digest, size: bytes.length }, bytes };
}

/** What a HEAD told; undefined when it lacks something, and only a GET can tell. */
export function readManifestHead(
  response: TransportResponse,
  asked: Digest | undefined,
): Descriptor | undefined {
  const digest = asked ?? response.headers['docker-content-digest'];
  const size = Number(response.headers['content-length'] ?? Number.NaN);
  const mediaType = contentType(response);
  if (!isDigest(digest) || !Number.isSafeInteger(size) || size <= 0 || isGeneric(mediaType)) return undefined;
  return { mediaType, digest, size };
}

/** The type by which a manifest is served; where a server does not know, what the manifest says of itself. */
function mediaTypeOf(response: TransportResponse, bytes: Buffer): string {
  const served = contentType(response);
  return isGeneric(served) ? claimedType(bytes) || served : served;
}

function contentType(response: TransportResponse): string {
  return (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function isGeneric(mediaType: string): boolean {
  return /^(?:|application\/json|application\/octet-stream|binary\/octet-stream|text\/plain)$/.test(
    mediaType,
  );
}

function claimedType(bytes: Buffer): string | undefined {
  try {
    const { mediaType, schemaVersion } = Object(JSON.parse(bytes.toString('utf8'))) as Record<
      string,
      unknown
    >;
    if (schemaVersion === 1) return mediaTypes.dockerSchema1;
    return typeof mediaType === 'string' ? mediaType.slice(0, 255) : undefined;
  } catch {
    return undefined;
  }
}

function mismatch(response: TransportResponse, name: string, expected: Digest, actual: Digest): EngineError {
  return new EngineError(
    'ERR_BLOB_DIGEST_MISMATCH',
    `${response.url.host} sent a manifest for ${name} whose digest is ${actual}, not ${expected}; nothing of it is used`,
    { details: { host: response.url.host, expected, actual } },
  );
}
