import { createHash } from 'node:crypto';
import { type Duplex, Readable, Writable } from 'node:stream';
import type { Exchange } from './exchange.ts';
import type { HijackedStream } from './hijack.ts';
import { badRequest } from './refusal.ts';
import { frameOf, opcode, WebSocketParser } from './websocket-frames.ts';

/** RFC 6455, 1.3. */
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Answers with a websocket (RFC 6455) that carries bytes both ways, as binary messages. @throws Refusal 400 for a request that asks for none */
export function acceptWebSocket({ request, response, upgraded }: Exchange): HijackedStream {
  const { upgrade = '', 'sec-websocket-key': key, 'sec-websocket-version': version } = request.headers;
  if (upgraded === undefined || upgrade.toLowerCase() !== 'websocket' || !key || version !== '13')
    throw badRequest('this endpoint is a websocket: Upgrade: websocket, version 13');
  const { socket } = upgraded;
  response.detachSocket(socket);
  const accept = createHash('sha1').update(`${key}${magic}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const destroy = () => void socket.destroy();
  return { input: incoming(socket), output: outgoing(socket), destroy };
}

/** The client's messages; pings are answered meanwhile. Ends with its close message, and with the connection. */
function incoming(socket: Duplex): Readable {
  const parser = new WebSocketParser();
  async function* messages(): AsyncGenerator<Buffer> {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const { code, payload } of parser.push(chunk)) {
        if (code === opcode.close) return;
        if (code === opcode.ping) await answerPing(socket, payload);
        else if (code !== opcode.pong && payload.length > 0) yield payload;
      }
    }
  }
  // What is no frame ends the connection (RFC 6455, 5.1): nobody knows where the next one begins.
  return Readable.from(messages(), { objectMode: false }).on('error', () => socket.destroy());
}

/** Reads no further than its answers are read. */
async function answerPing(socket: Duplex, payload: Buffer): Promise<void> {
  if (socket.writable && !socket.write(frameOf(opcode.pong, payload))) await untilRoom(socket);
}

function untilRoom(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      socket.off('drain', settle).off('close', settle);
      resolve();
    };
    socket.on('drain', settle).on('close', settle);
  });
}

function outgoing(socket: Duplex): Writable {
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (socket.write(frameOf(opcode.binary, chunk))) done();
      else void untilRoom(socket).then(() => done());
    },
    final: (done) => {
      socket.end(frameOf(opcode.close, Buffer.from([0x03, 0xe8]))); // 1000: normal
      done();
    },
  });
  socket.once('close', () => output.destroy());
  return output;
}
