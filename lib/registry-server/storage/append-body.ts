import { type FileHandle, open } from 'node:fs/promises';
import { EngineError } from '../../errors/index.ts';

/** Bytes that wait for a write that is under way before the sender is stopped, and pieces of one writev(2). */
const highWater = 4 << 20;
const maxPieces = 512;

/**
 * Writes a body behind the first `offset` bytes of a file, many pieces by one writev(2), while the next arrive. Answers the
 * file's size. When the body fails, what came before is written, and its error is thrown. ERR_NO_SPACE.
 */
export async function appendBody(
  path: string,
  offset: number,
  body: AsyncIterable<Uint8Array>,
): Promise<number> {
  const file = await open(path, 'r+');
  const writer = new Appender(file, offset);
  try {
    for await (const piece of body) {
      const wait = writer.write(piece);
      if (wait) await wait;
    }
  } finally {
    try {
      await writer.end();
    } finally {
      await file.close();
    }
  }
  return writer.position;
}

class Appender {
  readonly #file: FileHandle;
  position: number;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.position = position;
  }

  /** A promise when the sender should wait. */
  write(piece: Uint8Array): Promise<void> | undefined {
    if (this.#failure) throw this.#failure;
    this.#waiting.push(piece);
    this.#bytes += piece.length;
    this.#writing ??= this.#drain();
    return this.#bytes >= highWater || this.#waiting.length >= maxPieces ? this.#writing : undefined;
  }

  async end(): Promise<void> {
    await this.#writing;
    if (this.#failure) throw this.#failure;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        const bytes = this.#bytes;
        this.#waiting = [];
        this.#bytes = 0;
        await writeAll(this.#file, pieces, bytes, this.position);
        this.position += bytes;
      }
    } catch (error) {
      this.#failure = storingError(error);
    } finally {
      this.#writing = undefined;
    }
  }
}

async function writeAll(
  file: FileHandle,
  pieces: readonly Uint8Array[],
  bytes: number,
  position: number,
): Promise<void> {
  const { bytesWritten } = await file.writev(pieces, position);
  if (bytesWritten === bytes) return;
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let at = 0; at < rest.length; )
    at += (await file.write(rest, at, rest.length - at, position + bytesWritten + at)).bytesWritten;
}

function storingError(cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return cause;
  return new EngineError('ERR_NO_SPACE', 'there is no room on the disk for what is uploaded', { cause });
}
