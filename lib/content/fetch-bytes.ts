import { EngineError } from '../errors/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { ContentSource } from './content.ts';
import { verifiedBody } from './verify.ts';

/**
 * A small blob of a source, whole and verified.
 * @throws EngineError ERR_BLOB_TOO_LARGE over `limit` bytes; ERR_BLOB_NOT_FOUND; ERR_BLOB_*_MISMATCH
 */
export async function fetchBytes(
  source: ContentSource,
  descriptor: Descriptor,
  options: { readonly limit: number; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  const { limit, signal } = options;
  if (descriptor.size > limit) throw tooLarge(descriptor, limit);
  const body = descriptor.size === 0 ? empty() : await source.fetch(descriptor, signal && { signal });
  const pieces: Uint8Array[] = [];
  for await (const piece of verifiedBody(descriptor, body)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What there is no byte of need not be asked for: an offset of 0 is already its end. */
async function* empty(): AsyncGenerator<Uint8Array> {}

/** A document that is larger than any honest one. */
export function tooLarge(descriptor: Descriptor, limit: number): EngineError {
  return new EngineError(
    'ERR_BLOB_TOO_LARGE',
    `blob ${descriptor.digest} has ${descriptor.size} bytes; at most ${limit} are read at once`,
    { details: { digest: descriptor.digest, size: descriptor.size, limit } },
  );
}
