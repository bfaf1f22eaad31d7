import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Answers with a body that is at hand, or none; to HEAD with its length alone. 204 and 304 have none (RFC 9110, 8.6). */
export function sendBody(
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  status: number,
  headers: OutgoingHttpHeaders = {},
  body: Uint8Array | string = '',
): void {
  const length = status === 204 || status === 304 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...length, ...headers });
  if (request.method === 'HEAD' || body.length === 0) response.end();
  else response.end(body);
}
