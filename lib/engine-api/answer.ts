import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Router } from '../http/index.ts';
import type { ApiContext } from './api-context.ts';
import { refuseBrowsers } from './browsers.ts';
import { sendError, statusOf } from './error-response.ts';
import type { Exchange, Handler } from './exchange.ts';
import { Query } from './query.ts';
import { badRequest, Refusal } from './refusal.ts';
import { UpgradedConnection } from './upgraded-connection.ts';
import { formatVersion, newestVersion, splitVersion } from './version.ts';

/** What answers the requests of one listener. */
export interface Answering {
  readonly api: ApiContext;
  readonly router: Router<Handler>;
  /** Whether clients come by TCP without TLS. */
  readonly isPlainTcp: boolean;
  /** Told what an answer failed with that is no fault of the client's. */
  readonly onFailed: (error: unknown, request: IncomingMessage) => void;
}

/** Answers one request: finds its route, refuses, or lets the handler answer. Never throws. */
export async function answer(
  answering: Answering,
  request: IncomingMessage,
  response: ServerResponse,
  upgraded?: UpgradedConnection,
): Promise<void> {
  setHeaders(answering.api, response);
  try {
    refuseBrowsers(request, answering.isPlainTcp);
    await handle(answering, request, response, upgraded);
  } catch (error) {
    if (statusOf(error) >= 500) answering.onFailed(error, request);
    if (upgraded && response.socket === null)
      upgraded.socket.destroy(); // it has another protocol already
    else settle(request, response, error);
  }
}

/** The same for a request that asks for another protocol. It is answered as any other unless its handler takes the connection. */
export async function answerUpgrade(
  answering: Answering,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  socket.on('drain', () => response.emit('drain'));
  response.on('finish', () => socket.end());
  await answer(answering, request, response, new UpgradedConnection(request, socket, head));
}

function setHeaders({ engine }: ApiContext, response: ServerResponse): void {
  response.setHeader('Api-Version', formatVersion(newestVersion));
  response.setHeader('Docker-Experimental', 'false');
  response.setHeader('Ostype', 'linux');
  response.setHeader('Server', `Strake/${engine.system.version().version} (linux)`);
  response.setHeader('Builder-Version', '1');
  response.setHeader('Swarm', 'inactive');
}

async function handle(
  { api, router }: Answering,
  request: IncomingMessage,
  response: ServerResponse,
  upgraded: UpgradedConnection | undefined,
): Promise<void> {
  const { path: fullPath, query } = splitUrl(request.url ?? '/');
  const { version, path } = splitVersion(fullPath);
  const found = router.find(request.method ?? 'GET', path);
  if (found === undefined) throw new Refusal(404, 'page not found');
  if ('allow' in found) {
    response.setHeader('allow', found.allow.join(', '));
    throw new Refusal(405, `${request.method} is not answered at ${path.slice(0, 200)}`);
  }
  const exchange: Exchange = {
    request,
    response,
    body: upgraded ? Readable.from(upgraded.body(), { objectMode: false }) : request,
    parameters: found.parameters,
    query,
    version,
    api,
    engine: api.engine,
    signal: untilGone(response, request),
    upgraded,
  };
  await found.handler(exchange);
}

/** Aborts when the connection has gone before the answer was. */
function untilGone(response: ServerResponse, { socket }: IncomingMessage): AbortSignal {
  const gone = new AbortController();
  const look = () => {
    if (!response.writableFinished) gone.abort();
  };
  response.once('close', look);
  socket.once('close', look);
  response.once('finish', () => socket.off('close', look));
  return gone.signal;
}

/** The path with its escapes undone. @throws Refusal 400 */
function splitUrl(url: string): { path: string; query: Query } {
  const at = url.indexOf('?');
  const path = at === -1 ? url : url.slice(0, at);
  try {
    return { path: decodeURIComponent(path), query: new Query(at === -1 ? '' : url.slice(at + 1)) };
  } catch (error) {
    throw badRequest('the path has an escape that is none', error);
  }
}

/**
 * Sends an error. What is left of the request's body is thrown away if it is little; else the connection is closed behind the
 * answer, as a client that is still sending would not read it before it was done.
 */
function settle(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (!request.complete && !request.headers.upgrade) {
    const rest = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    if (rest > 1 << 20 && !response.headersSent) response.setHeader('connection', 'close');
    request.resume();
  }
  sendError(response, error);
}
