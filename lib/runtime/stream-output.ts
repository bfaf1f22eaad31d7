import { Readable } from 'node:stream';
import type { OutputName } from './frames.ts';
import type { OutputSink } from './monitor-link.ts';

/** What is kept of a stream that nobody has asked for yet; then the container waits. */
const maxEarly = 256 * 1024;

/**
 * Output as Readable streams, made when they are asked for. The connection carries both: while one of them is full,
 * neither is read.
 */
export class StreamOutput implements OutputSink {
  /** Called when there is room again. */
  onRoom: () => void = () => {};
  readonly #channels: Readonly<Record<OutputName, Channel>>;

  constructor() {
    const onRoom = () => {
      if (!this.#channels.stdout.isFull && !this.#channels.stderr.isFull) this.onRoom();
    };
    this.#channels = { stdout: new Channel(onRoom), stderr: new Channel(onRoom) };
  }

  stream(name: OutputName): Readable {
    return this.#channels[name].stream;
  }

  write(name: OutputName, bytes: Buffer): boolean {
    this.#channels[name].write(bytes);
    return !this.#channels[name].isFull;
  }

  end(): void {
    this.#channels.stdout.end();
    this.#channels.stderr.end();
  }
}

class Channel {
  isFull = false;
  readonly #onRoom: () => void;
  #stream: Readable | null = null;
  #early: Buffer[] = [];
  #earlySize = 0;
  #ended = false;

  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  get stream(): Readable {
    this.#stream ??= this.#open();
    return this.#stream;
  }

  write(bytes: Buffer): void {
    if (this.#stream?.destroyed) return;
    if (this.#stream) {
      this.isFull = !this.#stream.push(bytes);
      return;
    }
    this.#early.push(bytes);
    this.#earlySize += bytes.length;
    this.isFull = this.#earlySize >= maxEarly;
  }

  end(): void {
    this.#ended = true;
    if (this.#stream && !this.#stream.destroyed) this.#stream.push(null);
  }

  /** Destroying it counts as room: what nobody reads must not stop the container. */
  #open(): Readable {
    const stream = new Readable({
      read: () => this.#hasRoom(),
      destroy: (error, done) => {
        this.#hasRoom();
        done(error);
      },
    });
    for (const bytes of this.#early.splice(0)) stream.push(bytes);
    if (this.#ended) stream.push(null);
    return stream;
  }

  #hasRoom(): void {
    this.isFull = false;
    this.#onRoom();
  }
}
