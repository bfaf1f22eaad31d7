import { EngineError } from '../errors/index.ts';
import type { TransportResponse } from './transport.ts';

/**
 * Reads a response whole, never more than `limit` bytes of it.
 * @throws EngineError ERR_BLOB_TOO_LARGE; the transport's own errors
 */
export async function readDocument(
  response: TransportResponse,
  limit: number,
  what: string,
): Promise<Buffer> {
  const announced = Number(response.headers['content-length'] ?? 0);
  if (announced > limit) {
    response.body.close();
    throw tooLarge(what, response, `${announced} bytes`, limit);
  }
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response.body) {
    size += piece.length;
    if (size > limit) throw tooLarge(what, response, `more than ${limit} bytes`, limit);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}

function tooLarge(what: string, response: TransportResponse, size: string, limit: number): EngineError {
  return new EngineError(
    'ERR_BLOB_TOO_LARGE',
    `${response.url.host} sent ${size} for ${what}; at most ${limit} are accepted`,
    { details: { host: response.url.host, limit } },
  );
}
