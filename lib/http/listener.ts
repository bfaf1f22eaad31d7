import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { EngineError } from '../errors/index.ts';
import { listenFailed, listenOnUnixSocket, type UnixSocketPlace, unixSocketPath } from './unix-socket.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Whoever connects must show a certificate that one of these signed (mutual TLS). */
  readonly clientCa?: string;
}

/** Where a listener is: a TCP port (0: one that is free), a unix socket, or a socket that somebody has opened already. */
export type ListenerPlace =
  | { readonly host: string; readonly port: number }
  | UnixSocketPlace
  | { readonly fd: number };

export type ListenerOptions = ListenerPlace & {
  readonly tls?: TlsFiles;
  /** Answers every request. What it rejects with cuts the connection. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /**
   * Takes over the connection of a request that asks for another protocol (RFC 9110, 7.8); `head` is what came behind the
   * request's head, its body first. Absent: such requests go to `handle`. What it rejects with cuts the connection.
   */
  readonly upgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => Promise<void>;
  /** Milliseconds without a byte either way after which a connection is cut, 0: never; 2 minutes by default. */
  readonly idleTimeout?: number;
  /** Connections at once; more are closed as they come. No limit by default. */
  readonly maxConnections?: number;
};

/** An open port or socket. */
export interface Listener {
  /** Of a unix socket its path. */
  readonly host: string;
  /** Of a unix socket 0. */
  readonly port: number;
  /** `https://host:port`, `unix:///path` */
  readonly url: string;
  /** Reads the certificate, key and authorities again; connections that stand keep theirs. ERR_TLS_FILES_INVALID changes nothing. */
  reloadTls(): Promise<void>;
  /** Takes no more requests, lets those that run end, and cuts what still runs after `grace` milliseconds (default 10 s). */
  close(grace?: number): Promise<void>;
}

/**
 * Listens. Headers have 30 s and 32 KiB; bodies may last as long as bytes keep coming.
 * @throws EngineError ERR_LISTEN_FAILED, ERR_TLS_FILES_INVALID
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const server = await createServer(options);
  server.timeout = options.idleTimeout ?? 120_000;
  server.requestTimeout = 0;
  server.headersTimeout = 30_000;
  server.keepAliveTimeout = 75_000;
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections;
  await listen(server, options);
  const { tls } = options;
  return {
    ...addressOf(server, options),
    reloadTls: async () => {
      if (tls) await reloadTls(server as TlsServer, tls);
    },
    close: (grace = 10_000) => close(server, grace),
  };
}

function addressOf(server: Server, options: ListenerOptions): Pick<Listener, 'host' | 'port' | 'url'> {
  const address = (server.address() as AddressInfo | string | null) ?? inheritedPath(options);
  if (typeof address === 'string') return { host: address, port: 0, url: `unix://${address}` };
  const { port } = address;
  const host = 'host' in options ? options.host : address.address;
  const scheme = options.tls ? 'https' : 'http';
  return { host, port, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}` };
}

/** Node knows none of a unix socket that it has not bound itself. */
function inheritedPath(options: ListenerOptions): string {
  return ('fd' in options && unixSocketPath(options.fd)) || '';
}

async function createServer({ tls, handle, upgrade }: ListenerOptions): Promise<Server | TlsServer> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    request.on('error', () => undefined);
    handle(request, response).catch(() => response.destroy());
  };
  const server = await newServer(tls, answer);
  if (upgrade) takeUpgrades(server, upgrade);
  return server;
}

/** Of each server, the connections that node:http no longer knows. */
const upgradedConnections = new WeakMap<Server, Set<Socket>>();

function takeUpgrades(server: Server, upgrade: NonNullable<ListenerOptions['upgrade']>): void {
  const connections = new Set<Socket>();
  upgradedConnections.set(server, connections);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    connections.add(socket);
    socket.on('error', () => undefined).once('close', () => connections.delete(socket));
    socket.once('finish', () => linger(socket));
    upgrade(request, socket, head).catch(() => socket.destroy());
  });
}

/** Milliseconds that a client has to close its side when ours is. */
const lingering = 5_000;

/**
 * Throws away what still comes behind our end: a socket that nobody reads never tells that its peer has gone, and one that is closed
 * before it was read takes the last bytes from the peer (ECONNRESET).
 */
function linger(socket: Socket): void {
  socket.resume();
  const late = setTimeout(() => socket.destroy(), lingering).unref();
  socket.once('close', () => clearTimeout(late));
}

async function newServer(
  tls: TlsFiles | undefined,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server | TlsServer> {
  const settings = { maxHeaderSize: 32 * 1024, noDelay: true, keepAlive: true };
  if (tls === undefined) return createPlainServer(settings, answer);
  try {
    // As node:http has it of itself: who has sent all of an upgraded connection's input still hears its output.
    return createTlsServer({ ...settings, allowHalfOpen: true, ...(await readTls(tls)) }, answer);
  } catch (error) {
    throw invalidTls(tls, error);
  }
}

async function listen(server: Server, options: ListenerOptions): Promise<void> {
  const backlog = 1024;
  if ('path' in options) return await listenOnUnixSocket(server, options, backlog);
  if ('fd' in options) server.listen({ fd: options.fd, backlog });
  else server.listen({ host: options.host, port: options.port, backlog });
  const place = 'fd' in options ? `descriptor ${options.fd}` : `${options.host}:${options.port}`;
  await once(server, 'listening').catch((cause) => {
    throw listenFailed(place, cause);
  });
}

async function reloadTls(server: TlsServer, tls: TlsFiles): Promise<void> {
  const files = await readTls(tls);
  try {
    // What fails half-way leaves the server with parts of both: it is tried on a context of its own first.
    createSecureContext(files);
    server.setSecureContext(files);
  } catch (error) {
    throw invalidTls(tls, error);
  }
}

async function readTls({ cert, key, clientCa }: TlsFiles) {
  try {
    return {
      cert: await readFile(cert),
      key: await readFile(key),
      minVersion: 'TLSv1.2' as const,
      ...(clientCa && { ca: await readFile(clientCa), requestCert: true, rejectUnauthorized: true }),
    };
  } catch (error) {
    throw invalidTls({ cert, key }, error);
  }
}

async function close(server: Server, grace: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  // A connection that is kept alive is idle only once its request has been answered.
  server.on('request', (_request, response: ServerResponse) => response.setHeader('connection', 'close'));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const stop = new AbortController();
  const late = delay(grace, undefined, { signal: stop.signal, ref: false }).then(
    () => {
      server.closeAllConnections();
      for (const socket of upgradedConnections.get(server) ?? []) socket.destroy();
    },
    () => undefined,
  );
  await closed;
  clearInterval(idle);
  stop.abort();
  await late;
}

function invalidTls(tls: TlsFiles, cause: unknown): EngineError {
  return new EngineError(
    'ERR_TLS_FILES_INVALID',
    `cannot serve TLS with ${tls.cert} and ${tls.key}: ${(cause as Error).message}`,
    { cause, details: { ...tls } },
  );
}
