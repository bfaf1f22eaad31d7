import { EngineError, isEngineError } from '../errors/index.ts';
import { type Descriptor, digestOf } from '../oci/index.ts';
import { aborted, explainNetworkError, Transient } from './network-error.ts';
import type { RemoteBody } from './remote-repository.ts';
import { discard, type TransportResponse } from './transport.ts';

/** What part of a blob was asked for. */
export interface Wanted {
  readonly descriptor: Descriptor;
  readonly offset: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when the body has ended, whichever way. */
  readonly release?: () => void;
}

/** The body of a 200 or 206; undefined for a 416, after which the blob must be asked for whole. */
export function openRange(
  origin: string,
  response: TransportResponse,
  wanted: Wanted,
): RemoteBody | undefined {
  if (response.status !== 416) return openBody(origin, response, wanted);
  discard(response);
  return undefined;
}

/** The body of a 200 or 206. @throws EngineError ERR_BLOB_SIZE_MISMATCH, ERR_REGISTRY_RESPONSE */
export function openBody(origin: string, response: TransportResponse, wanted: Wanted): RemoteBody {
  try {
    const start = startOf(response, wanted);
    const bytes = blobBytes(response, start, wanted);
    return { origin, [Symbol.asyncIterator]: () => bytes };
  } catch (error) {
    response.body.close();
    throw error;
  }
}

/** What is left of a blob that is there already. */
export function emptyBody(origin: string): RemoteBody {
  return { origin, async *[Symbol.asyncIterator]() {} };
}

/**
 * A blob whole, its length and digest verified.
 * @throws EngineError ERR_BLOB_SIZE_MISMATCH, ERR_BLOB_DIGEST_MISMATCH; Transient when it was cut
 */
export async function readVerified(response: TransportResponse, descriptor: Descriptor): Promise<Buffer> {
  const bytes = await collect(response, descriptor);
  const actual = digestOf(bytes);
  if (actual === descriptor.digest) return bytes;
  throw new EngineError(
    'ERR_BLOB_DIGEST_MISMATCH',
    `${response.url.host} sent something else for ${descriptor.digest}: its digest is ${actual}; nothing of it is used`,
    { details: { host: response.url.host, expected: descriptor.digest, actual } },
  );
}

async function collect(response: TransportResponse, descriptor: Descriptor): Promise<Buffer> {
  const wanted = { descriptor, offset: 0 };
  const pieces: Buffer[] = [];
  try {
    for await (const piece of blobBytes(response, startOf(response, wanted), wanted)) pieces.push(piece);
  } catch (error) {
    throw isEngineError(error, 'ERR_DOWNLOAD_INTERRUPTED') ? new Transient(error) : error;
  } finally {
    response.body.close();
  }
  return Buffer.concat(pieces);
}

/**
 * Where in the blob the body of a 200 or 206 begins, from its headers, checked against what was asked for.
 * @throws EngineError ERR_BLOB_SIZE_MISMATCH when the blob has another length, ERR_REGISTRY_RESPONSE when the range
 * begins behind the offset
 */
function startOf(response: TransportResponse, { descriptor, offset }: Wanted): number {
  const length = parseLength(response.headers['content-length']);
  const range = response.status === 206 ? parseContentRange(response.headers['content-range']) : undefined;
  const start = range?.start ?? (response.status === 206 ? offset : 0);
  const total = range?.total ?? (length === undefined ? undefined : start + length);
  if (total !== undefined && total !== descriptor.size) throw wrongSize(response.url.host, descriptor, total);
  if (start <= offset) return start;
  throw new EngineError(
    'ERR_REGISTRY_RESPONSE',
    `${response.url.host} was asked for bytes from ${offset} of ${descriptor.digest} and sends them from ${start}`,
    { details: { host: response.url.host, digest: descriptor.digest, offset, start } },
  );
}

/**
 * The body from the offset asked for to the blob's end: what comes before is dropped, what comes after is an error, as is
 * an early end.
 */
async function* blobBytes(
  response: TransportResponse,
  start: number,
  wanted: Wanted,
): AsyncGenerator<Buffer, void, undefined> {
  const { descriptor, offset, signal } = wanted;
  let at = start;
  try {
    for await (const piece of response.body) {
      const end = at + piece.length;
      if (end > descriptor.size) throw wrongSize(response.url.host, descriptor, end);
      if (end > offset) yield at >= offset ? piece : piece.subarray(offset - at);
      at = end;
    }
  } catch (cause) {
    if (signal?.aborted) throw aborted(signal);
    if (isEngineError(cause)) throw cause;
    throw interrupted(response.url, descriptor, at, cause);
  } finally {
    wanted.release?.();
  }
  if (at < descriptor.size) throw wrongSize(response.url.host, descriptor, at);
}

function interrupted(url: URL, descriptor: Descriptor, at: number, cause: unknown): EngineError {
  const explained = explainNetworkError(cause, url);
  const { message } = explained instanceof Transient ? explained.error : explained;
  return new EngineError(
    'ERR_DOWNLOAD_INTERRUPTED',
    `the download of ${descriptor.digest} was cut after ${at} of ${descriptor.size} bytes: ${message}`,
    { cause, details: { host: url.host, digest: descriptor.digest, received: at } },
  );
}

function wrongSize(host: string, descriptor: Descriptor, size: number): EngineError {
  const relation = size > descriptor.size ? 'more' : 'fewer';
  return new EngineError(
    'ERR_BLOB_SIZE_MISMATCH',
    `${host} has ${relation} bytes for ${descriptor.digest} than its descriptor says: ${size} instead of ${descriptor.size}`,
    { details: { host, digest: descriptor.digest, expected: descriptor.size, actual: size } },
  );
}

function parseLength(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** `bytes 100-199/200` or `bytes 100-199/*` (RFC 9110, 14.4). */
function parseContentRange(text: string | undefined): { start: number; total?: number } | undefined {
  const match = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15}|\*)$/.exec(text?.trim() ?? '');
  if (match === null) return undefined;
  return { start: Number(match[1]), ...(match[3] !== '*' && { total: Number(match[3]) }) };
}
