import { badRequest } from './refusal.ts';

/** RFC 6455, 5.2. */
export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Of one frame: a message may have any number of them. */
const longestFrame = 1 << 20;

export interface WebSocketFrame {
  readonly code: number;
  /** Unmasked. Of a message in several frames each is given as it comes. */
  readonly payload: Buffer;
}

/** A whole frame of a server's, which are not masked. */
export function frameOf(code: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | code;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** Frames of a client out of chunks of any size. Memory is bounded by one frame. @throws Refusal 400 */
export class WebSocketParser {
  #rest: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<WebSocketFrame> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let frame = this.#next(); frame !== null; frame = this.#next()) yield frame;
  }

  #next(): WebSocketFrame | null {
    const bytes = this.#rest;
    if (bytes.length < 2) return null;
    const [first = 0, second = 0] = bytes;
    if ((second & 0x80) === 0) throw badRequest('websocket: a frame of a client is not masked');
    const short = second & 0x7f;
    const lengthSize = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + lengthSize + 4;
    if (bytes.length < start) return null;
    const length =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (short > 125 && (first & 0x08) !== 0)
      throw badRequest('websocket: a control frame has more than 125 bytes'); // 5.5
    if (length > longestFrame) throw badRequest(`websocket: a frame has more than ${longestFrame} bytes`);
    if (bytes.length < start + length) return null;
    const mask = bytes.subarray(start - 4, start);
    const payload = Buffer.from(bytes.subarray(start, start + length));
    for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0);
    this.#rest = bytes.subarray(start + length);
    return { code: first & 0x0f, payload };
  }
}
