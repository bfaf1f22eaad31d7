/** How the bytes of a response are held back and let go again. */
export interface Tap {
  pause(): void;
  resume(): void;
  /** Closes the connection. */
  close(): void;
}

/** Bytes waiting before the sender is stopped, and those below which it is let go again. */
const highWater = 4 * 1024 * 1024;
const lowWater = 1 * 1024 * 1024;
/** Small pieces (a TLS record has 16 KiB at most) are handed on together, up to `batch` bytes; large ones uncopied. */
const small = 32 * 1024;
const batch = 256 * 1024;

/**
 * A response's bytes between the socket, which pushes, and a taker, who pulls. Cheaper than a Readable: a piece is stored
 * and taken as it came from the socket. The sender is stopped while more than 4 MiB wait.
 */
export class ByteQueue implements AsyncIterable<Buffer> {
  readonly #tap: Tap;
  #pieces: Buffer[] = [];
  #waiting = 0;
  #paused = false;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(tap: Tap) {
    this.#tap = tap;
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#waiting += piece.length;
    if (this.#waiting > highWater && !this.#paused) {
      this.#paused = true;
      this.#tap.pause();
    }
    if (this.#wake !== undefined) setImmediate(this.#wake);
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        if (this.#pieces.length > 0) yield this.#take();
        else if (!this.#ended) await this.#arrival();
        else if (this.#error !== undefined) throw this.#error;
        else return;
      }
    } finally {
      this.close();
    }
  }

  /** Closes the connection unless everything has arrived, and forgets what has not been taken. */
  close(): void {
    this.#pieces = [];
    this.#waiting = 0;
    if (this.#ended) return;
    this.#ended = true;
    this.#tap.close();
  }

  #take(): Buffer {
    let size = 0;
    let count = 0;
    for (const piece of this.#pieces) {
      if (count > 0 && (piece.length > small || size + piece.length > batch)) break;
      size += piece.length;
      count += 1;
    }
    const taken = this.#pieces.splice(0, count);
    this.#waiting -= size;
    if (this.#paused && this.#waiting < lowWater) {
      this.#paused = false;
      this.#tap.resume();
    }
    return taken.length === 1 ? (taken[0] as Buffer) : Buffer.concat(taken, size);
  }

  async #arrival(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
