import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Script = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

export interface ScriptedServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly url: string;
  readonly requests: SeenRequest[];
}

/** An HTTP server on loopback that answers what the script says, for what no real registry does on demand. */
export async function startScriptedServer(
  script: Script,
  tls?: { cert: string; key: string },
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  const listener = (message: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      const seen = await read(message, url);
      requests.push(seen);
      await script(seen, response);
    })().catch((error) => response.destroy(error));
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `${tls ? 'https' : 'http'}://${host}`;
  return {
    host,
    url,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function read(message: IncomingMessage, base: string): Promise<SeenRequest> {
  let body = '';
  for await (const chunk of message) body += chunk;
  return {
    method: message.method ?? '',
    url: new URL(message.url ?? '/', base),
    headers: message.headers,
    body,
  };
}

/** A manifest to serve, and the headers that a good registry sends with it. */
export const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf('{}'), size: 2 },
    layers: [],
  }),
);

export function sendManifest(response: ServerResponse, bytes: Buffer = manifest): void {
  response.writeHead(200, {
    'content-type': mediaTypes.ociManifest,
    'content-length': bytes.length,
    'docker-content-digest': digestOf(bytes),
  });
  response.end(bytes);
}

/** An error document of the distribution-spec. */
export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message = '',
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

/** A body that never ends, as fast as it is taken. */
export async function sendEndless(response: ServerResponse): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024, 'a');
  response.writeHead(200);
  while (!response.destroyed) {
    if (!response.write(chunk)) await drained(response);
  }
}

/** Until more can be written, or nobody listens any more. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
