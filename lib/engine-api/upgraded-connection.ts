import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { badRequest } from './refusal.ts';

const longestChunkHead = 1024;

/**
 * The connection of a request with an `Upgrade` header. Node reads nothing behind the head of such a request, so its body,
 * which docker's clients do send (exec's start), is read here, and not a byte further: what follows is the new protocol's.
 */
export class UpgradedConnection {
  readonly socket: Socket;
  readonly #request: IncomingMessage;

  /** @param head what has been read behind the request's head */
  constructor(request: IncomingMessage, socket: Socket, head: Buffer) {
    this.socket = socket;
    this.#request = request;
    socket.setTimeout(0);
    if (head.length > 0) socket.unshift(head);
  }

  /**
   * The body, its transfer coding undone. `isWhole` is asked after each chunk about all before it: dockerode sends its options
   * as a first chunk and never the last one.
   */
  async *body(isWhole?: (all: Buffer) => boolean): AsyncGenerator<Buffer> {
    const { 'content-length': length, 'transfer-encoding': coding } = this.#request.headers;
    if (coding === undefined) {
      yield* this.#exactly(Number(length ?? 0));
      return;
    }
    let all = Buffer.alloc(0);
    for (let size = await this.#chunkSize(); size > 0; size = await this.#chunkSize()) {
      for await (const piece of this.#exactly(size)) {
        if (isWhole) all = Buffer.concat([all, piece]); // which its caller bounds
        yield piece;
      }
      await this.#line();
      if (isWhole?.(all)) return this.#skipLastChunk();
    }
    await this.#line();
  }

  async *#exactly(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      const chunk = await this.#read();
      const piece = chunk.subarray(0, left);
      if (piece.length < chunk.length) this.socket.unshift(chunk.subarray(piece.length));
      left -= piece.length;
      yield piece;
    }
  }

  async #chunkSize(): Promise<number> {
    const line = await this.#line();
    const match = /^([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(line);
    if (match === null) throw badRequest('invalid chunk in a request body');
    return Number.parseInt(match[1] ?? '', 16);
  }

  async #line(): Promise<string> {
    let line = Buffer.alloc(0);
    for (;;) {
      line = Buffer.concat([line, await this.#read()]);
      const end = line.indexOf('\r\n');
      if (end >= 0) {
        if (end + 2 < line.length) this.socket.unshift(line.subarray(end + 2));
        return line.toString('latin1', 0, end);
      }
      if (line.length > longestChunkHead) throw badRequest('invalid chunk in a request body');
    }
  }

  /** If it is there already. */
  #skipLastChunk(): void {
    const last = '0\r\n\r\n';
    const next: Buffer | null = this.socket.read();
    if (next === null) return;
    const rest = next.toString('latin1', 0, last.length) === last ? next.subarray(last.length) : next;
    if (rest.length > 0) this.socket.unshift(rest);
  }

  async #read(): Promise<Buffer> {
    for (;;) {
      const chunk: Buffer | null = this.socket.read();
      if (chunk !== null) return chunk;
      if (this.socket.readableEnded || this.socket.destroyed) throw badRequest('a request body is cut off');
      await new Promise<void>((resolve) => {
        const wake = () => {
          for (const event of wakers) this.socket.off(event, wake);
          resolve();
        };
        for (const event of wakers) this.socket.on(event, wake);
      });
    }
  }
}

const wakers = ['readable', 'end', 'close'] as const;
