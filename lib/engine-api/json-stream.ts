import { once } from 'node:events';
import { messageOf } from './error-response.ts';
import type { Exchange } from './exchange.ts';

/**
 * Answers with one JSON object a line, each sent as soon as it is there and no faster than the client reads. What fails after
 * the first is told in band, as docker does (`errorDetail`); what fails before is thrown, so that it has a status.
 * Where `headAtOnce` is set, the answer's head does not wait for the first (events).
 */
export async function replyJsonLines(
  { response, signal }: Exchange,
  lines: AsyncIterable<unknown>,
  { headAtOnce = false }: { readonly headAtOnce?: boolean } = {},
): Promise<void> {
  const begin = () => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' });
  };
  if (headAtOnce) {
    begin();
    response.flushHeaders();
  }
  try {
    for await (const line of lines) {
      if (signal.aborted) return;
      begin();
      await writeLine(response, line, signal);
    }
    begin();
  } catch (error) {
    if (signal.aborted) return;
    if (!response.headersSent) throw error;
    const message = messageOf(error);
    await writeLine(response, { errorDetail: { message }, error: message }, signal);
  } finally {
    if (response.headersSent) response.end();
  }
}

async function writeLine(response: Exchange['response'], line: unknown, signal: AbortSignal): Promise<void> {
  if (response.write(`${JSON.stringify(line)}\r\n`)) return;
  await once(response, 'drain', { signal }).catch(() => undefined); // the client has gone
}
