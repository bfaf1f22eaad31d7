import type { OutputName } from './frames.ts';
import type { OutputSink } from './monitor-link.ts';

/** Output as two buffers of bounded size: no stream, no copy until the end. */
export class CapturedOutput implements OutputSink {
  readonly #maxBytes: number;
  readonly #onOverflow: () => void;
  readonly #chunks: Record<OutputName, Buffer[]> = { stdout: [], stderr: [] };
  readonly #sizes: Record<OutputName, number> = { stdout: 0, stderr: 0 };
  overflow: OutputName | null = null;

  /** `onOverflow` is called once, with the first byte too many; what follows is dropped. */
  constructor(maxBytes: number, onOverflow: () => void) {
    this.#maxBytes = maxBytes;
    this.#onOverflow = onOverflow;
  }

  write(name: OutputName, bytes: Buffer): boolean {
    const room = this.#maxBytes - this.#sizes[name];
    if (room > 0) this.#chunks[name].push(bytes.subarray(0, room));
    this.#sizes[name] += bytes.length;
    if (bytes.length > room && this.overflow === null) {
      this.overflow = name;
      this.#onOverflow();
    }
    return true;
  }

  end(): void {}

  /** Everything so far. */
  bytes(name: OutputName): Buffer {
    const chunks = this.#chunks[name];
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  }
}
