import type { OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { sendStream } from '../http/index.ts';
import type { Exchange } from './exchange.ts';

/**
 * Answers with bytes whose number nobody knows yet. What fails before the first has a status of its own; what fails later cuts the
 * connection, so that nobody takes the answer for a whole one.
 */
export async function replyBytes(
  { response, signal }: Exchange,
  headers: OutgoingHttpHeaders,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const source = bytes[Symbol.asyncIterator]();
  const first = await source.next();
  response.writeHead(200, headers);
  try {
    await sendStream(response, Readable.from(continued(first, source), { objectMode: false }));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* continued(
  first: IteratorResult<Uint8Array>,
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; !next.done; next = await source.next()) yield next.value;
  } finally {
    await source.return?.();
  }
}
