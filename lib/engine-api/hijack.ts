import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { Exchange } from './exchange.ts';
import { isAtLeast } from './version.ts';

/** A connection that has become a stream of bytes both ways. */
export interface HijackedStream {
  /** What the client sends; ends when it closes its side. */
  readonly input: Readable;
  /** What it is sent; its end closes our side of the connection, and the client's may stay open until then. */
  readonly output: Writable;
  /** Cuts the connection. */
  destroy(): void;
}

/** docker's two framings. */
export type StreamType = 'application/vnd.docker.raw-stream' | 'application/vnd.docker.multiplexed-stream';

/** By docker's rule: a terminal's bytes are bare, others are framed, which has a name of its own since 1.42. */
export function streamType({ version }: Exchange, isTerminal: boolean): StreamType {
  const isNamed = !isTerminal && isAtLeast(version, 42);
  return `application/vnd.docker.${isNamed ? 'multiplexed' : 'raw'}-stream`;
}

/**
 * Answers with a stream that goes both ways, from now on. A client that asks for an upgrade has `101 UPGRADED`, and then the
 * bare connection; any other has 200, with its request's body as the input, so that what it sends is framed as its headers say,
 * and the answer without framing to the end of the connection.
 */
export function hijack(
  exchange: Exchange,
  type: StreamType,
  { wantsInput }: { readonly wantsInput: boolean },
): HijackedStream {
  return exchange.upgraded
    ? switchProtocols(exchange, exchange.upgraded.socket, type)
    : useBody(exchange, type, wantsInput);
}

function switchProtocols(
  { response, request }: Exchange,
  socket: Exchange['request']['socket'],
  type: StreamType,
) {
  response.detachSocket(socket);
  const protocol = request.headers.upgrade ?? 'tcp';
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
  );
  return { input: socket, output: socket, destroy: () => void socket.destroy() };
}

function useBody(
  { request, response, body }: Exchange,
  type: StreamType,
  wantsInput: boolean,
): HijackedStream {
  liftTimeouts(request);
  response.shouldKeepAlive = false;
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, { 'content-type': type });
  response.flushHeaders();
  const isWhole = request.headers['transfer-encoding'] === undefined;
  const input = wantsInput && isWhole ? takeInput(request) : body;
  return { input, output: response, destroy: () => void response.destroy() };
}

/**
 * What comes behind a request whose body is whole, bare: dockerode sends stdin so where it is not told to upgrade. node:http would
 * read it as the next request; it lets the connection go to whoever listens to its data, as it does with an upgrade's.
 */
function takeInput({ socket }: IncomingMessage): Readable {
  const input = new PassThrough();
  for (const event of ['data', 'end'] as const)
    for (const listener of socket.listeners(event)) socket.off(event, listener as () => void);
  socket.once('close', () => input.destroy());
  return socket.pipe(input);
}

function liftTimeouts({ socket }: IncomingMessage): void {
  socket.setTimeout(0);
  socket.setNoDelay(true);
}
