import type { IncomingMessage } from 'node:http';
import { Refusal } from '../refusal.ts';

/**
 * A request's body as it arrives. More than `room` bytes are refused, beforehand where the length is announced; other than
 * `length` bytes, if given, at the end. Throws Refusal SIZE_INVALID (413 or 400).
 */
export async function* limitedBody(
  request: IncomingMessage,
  room: number,
  length: number | undefined,
): AsyncGenerator<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > room) throw tooLarge(room);
  let arrived = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    arrived += chunk.length;
    if (arrived > room) throw tooLarge(room);
    if (length !== undefined && arrived > length) break;
    yield chunk;
  }
  if (length !== undefined && arrived !== length)
    throw new Refusal('SIZE_INVALID', `the chunk has other than the ${length} bytes that Content-Range says`);
}

/** Refusal SIZE_INVALID (413): no more than `room` bytes are accepted. */
export function tooLarge(room: number): Refusal {
  return new Refusal('SIZE_INVALID', `no more than ${Math.max(0, room)} bytes are accepted here`, {
    status: 413,
    detail: { room },
  });
}
