import type { Writable } from 'node:stream';

/** Of docker's stdcopy (pkg/stdcopy): which stream a frame belongs to. */
const streamNumbers = { stdin: 0, stdout: 1, stderr: 2, systemerr: 3 } as const;

export type StreamName = 'stdout' | 'stderr' | 'systemerr';

/** What a client is sent of several streams over one connection. A client that is slow is waited for, one that has gone is not. */
export class ClientOutput {
  readonly #output: Writable;
  readonly #isFramed: boolean;
  #room: Promise<void> | undefined;

  /** @param isFramed each piece has docker's eight bytes before it, which say its stream and length; else it is bare (a terminal) */
  constructor(output: Writable, isFramed: boolean) {
    this.#output = output;
    this.#isFramed = isFramed;
    output.on('error', () => undefined); // 'close' follows
  }

  get isClosed(): boolean {
    return this.#output.destroyed || this.#output.writableEnded;
  }

  /** Resolves when there is room for more, or nobody to read it. */
  async write(stream: StreamName, bytes: Uint8Array): Promise<void> {
    if (this.isClosed || bytes.length === 0) return;
    this.#output.cork();
    if (this.#isFramed) this.#output.write(frameHeader(stream, bytes.length));
    const hasRoom = this.#output.write(bytes);
    this.#output.uncork();
    if (!hasRoom) await this.#untilRoom();
  }

  /** After what was written. */
  end(): void {
    if (!this.isClosed) this.#output.end();
  }

  /** Calls back when the client has gone, or everything was sent. */
  onClose(callback: () => void): void {
    if (this.#output.destroyed) callback();
    else this.#output.once('close', callback);
  }

  #untilRoom(): Promise<void> {
    this.#room ??= new Promise<void>((resolve) => {
      const done = () => {
        this.#output.off('drain', done).off('close', done);
        this.#room = undefined;
        resolve();
      };
      this.#output.on('drain', done).on('close', done);
    });
    return this.#room;
  }
}

function frameHeader(stream: StreamName, length: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = streamNumbers[stream];
  header.writeUInt32BE(length, 4);
  return header;
}
