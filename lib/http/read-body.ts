import type { IncomingMessage } from 'node:http';
import { EngineError } from '../errors/index.ts';

/**
 * A request's body, whole. What announces more than `limit` bytes is refused before it is read, what sends more as soon as
 * it does. @throws EngineError ERR_BODY_TOO_LARGE
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > limit) throw tooLarge(limit);
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
}

function tooLarge(limit: number): EngineError {
  return new EngineError(
    'ERR_BODY_TOO_LARGE',
    `the request's body has more than the ${limit} bytes that are accepted`,
    { details: { limit } },
  );
}
