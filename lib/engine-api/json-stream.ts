import { once } from 'node:events';
import { messageOf } from './error-response.ts';
import type { Exchange } from './exchange.ts';

export interface LinesOptions {
  /** The answer's head does not wait for the first line (events). */
  readonly headAtOnce?: boolean;
  /** Default: application/json, which docker says of lines as well. */
  readonly contentType?: string;
  /** A line as it is sent, with its end. */
  readonly encode?: (line: unknown) => string;
}

/**
 * Answers with one JSON object a line, each sent as soon as it is there and no faster than the client reads. What fails after
 * the first is told in band, as docker does (`errorDetail`); what fails before is thrown, so that it has a status.
 */
export async function replyJsonLines(
  { response, signal }: Exchange,
  lines: AsyncIterable<unknown>,
  { headAtOnce = false, contentType = 'application/json', encode = jsonLine }: LinesOptions = {},
): Promise<void> {
  const begin = () => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': contentType });
  };
  if (headAtOnce) {
    begin();
    response.flushHeaders();
  }
  try {
    for await (const line of lines) {
      if (signal.aborted) return;
      begin();
      await writeText(response, encode(line), signal);
    }
    begin();
  } catch (error) {
    if (signal.aborted) return;
    if (!response.headersSent) throw error;
    const message = messageOf(error);
    await writeText(response, encode({ errorDetail: { message }, error: message }), signal);
  } finally {
    if (response.headersSent) response.end();
  }
}

function jsonLine(line: unknown): string {
  return `${JSON.stringify(line)}\r\n`;
}

async function writeText(response: Exchange['response'], text: string, signal: AbortSignal): Promise<void> {
  if (response.write(text)) return;
  await once(response, 'drain', { signal }).catch(() => undefined); // the client has gone
}
