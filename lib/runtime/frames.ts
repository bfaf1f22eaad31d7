/** The frames between a monitor and its clients: native/protocol/frames.h. */
export const frameType = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  started: 3,
  failed: 4,
  exited: 5,
  trace: 6,
  warning: 7,
  stdinClose: 8,
  resize: 9,
  attach: 10,
  ready: 11,
  go: 12,
  dropped: 13,
  reload: 14,
  reloaded: 15,
} as const;

export type OutputName = 'stdout' | 'stderr';

export interface FrameHandler {
  /** A piece of output, borrowing the chunk that was read. */
  onOutput(name: OutputName, bytes: Buffer): void;
  /** Any other frame, whole. */
  onControl(type: number, payload: Buffer): void;
}

const headerSize = 8;
/** Of one frame. */
export const maxPayload = 1 << 20;

/** The eight bytes before `length` bytes of payload. */
export function frameHeader(type: number, length: number): Buffer {
  const header = Buffer.alloc(headerSize);
  header[0] = type;
  header.writeUInt32BE(length, 4);
  return header;
}

/** Frames out of chunks of any size. Output is passed on as it comes; only control frames are ever put together. */
export class FrameParser {
  readonly #handler: FrameHandler;
  readonly #header = Buffer.allocUnsafe(headerSize);
  #headerFilled = 0;
  #type = 0;
  #remaining = 0;
  #control: Buffer[] = [];

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < headerSize) at = this.#pushHeader(chunk, at);
      if (this.#headerFilled === headerSize) at = this.#pushPayload(chunk, at);
    }
  }

  #pushHeader(chunk: Buffer, from: number): number {
    const taken = chunk.copy(this.#header, this.#headerFilled, from, from + headerSize - this.#headerFilled);
    this.#headerFilled += taken;
    if (this.#headerFilled === headerSize) {
      this.#type = this.#header.readUInt8(0);
      this.#remaining = this.#header.readUInt32BE(4);
    }
    return from + taken;
  }

  #pushPayload(chunk: Buffer, from: number): number {
    const piece = chunk.subarray(from, from + this.#remaining);
    this.#remaining -= piece.length;
    const isOutput = this.#type === frameType.stdout || this.#type === frameType.stderr;
    if (!isOutput) this.#control.push(piece);
    else if (piece.length > 0)
      this.#handler.onOutput(this.#type === frameType.stdout ? 'stdout' : 'stderr', piece);
    if (this.#remaining === 0) {
      this.#headerFilled = 0;
      if (!isOutput) this.#handler.onControl(this.#type, Buffer.concat(this.#control.splice(0)));
    }
    return from + piece.length;
  }
}
