import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const chunkSize = 64 * 1024;
/** The monitor ends entries at 16 KiB of text, at most 6 bytes each when escaped: a longer line is damage. */
const longestLine = 1 << 20;
const newline = 0x0a;

/** One file of a log, read line by line from a position; it may grow. */
export class LogFile implements AsyncDisposable {
  readonly inode: number;
  readonly #handle: FileHandle;
  #position = 0;
  #rest = Buffer.alloc(0);

  private constructor(handle: FileHandle, inode: number) {
    this.#handle = handle;
    this.inode = inode;
  }

  /** null when there is no such file. */
  static async open(path: string): Promise<LogFile | null> {
    try {
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      return new LogFile(handle, (await handle.stat()).ino);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** The complete lines that follow, up to the end that the file has now. */
  async *lines(): AsyncGenerator<string> {
    for (;;) {
      const chunk = await this.#read(this.#position, chunkSize);
      if (chunk.length === 0) return;
      this.#position += chunk.length;
      yield* this.#split(chunk);
    }
  }

  /**
   * Moves to where the last `count` lines begin, reading back from the end, and answers how many of them the file has:
   * fewer than `count` when all of it is wanted.
   */
  async seekLast(count: number): Promise<number> {
    const { size } = await this.#handle.stat();
    let seen = 0;
    for (let end = size; end > 0; end = Math.max(0, end - chunkSize)) {
      const start = Math.max(0, end - chunkSize);
      const chunk = await this.#read(start, end - start);
      for (
        let at = chunk.lastIndexOf(newline);
        at >= 0;
        at = at > 0 ? chunk.lastIndexOf(newline, at - 1) : -1
      ) {
        if (seen === count) {
          this.#position = start + at + 1;
          return seen;
        }
        seen++;
      }
    }
    this.#position = 0;
    return seen;
  }

  /** Moves to `position`, which is the beginning of a line. */
  seek(position: number): void {
    this.#position = position;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  }

  *#split(chunk: Buffer): Generator<string> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      const line = chunk.subarray(from, end);
      yield (this.#rest.length > 0 ? Buffer.concat([this.#rest, line]) : line).toString('utf8');
      this.#rest = Buffer.alloc(0);
      from = end + 1;
    }
    const rest = Buffer.concat([this.#rest, chunk.subarray(from)]);
    this.#rest = rest.length > longestLine ? Buffer.alloc(0) : rest;
  }
}
