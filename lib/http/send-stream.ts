import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Sends a body to its end. When the source fails the connection is cut, because the head with its length is out already;
 * when the client goes the source is released. Rejects with the source's failure, and not because a client went.
 */
export async function sendStream(response: ServerResponse, body: Readable): Promise<void> {
  try {
    await pipeline(body, response);
  } catch (error) {
    response.destroy();
    const { code } = error as NodeJS.ErrnoException;
    const isClient = ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED'];
    if (!isClient.includes(code ?? '')) throw error;
  }
}
