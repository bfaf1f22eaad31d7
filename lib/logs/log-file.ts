import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { LineSplitter } from './line-splitter.ts';

const chunkSize = 64 * 1024;
const newline = 0x0a;

/** One of the files that are a log. */
export interface LineFile extends AsyncDisposable {
  /** Of the file when it was written to: what tells it from the others. */
  readonly inode: number;
  /** The complete lines that follow, up to the end that the file has now. */
  lines(): AsyncGenerator<string>;
  /**
   * Moves to where the last `count` lines begin and answers how many of them the file has: fewer than `count` when all of it
   * is wanted.
   */
  seekLast(count: number): Promise<number>;
}

/** A file that may grow, read line by line from a position. */
export class LogFile implements LineFile {
  readonly inode: number;
  readonly #handle: FileHandle;
  #position = 0;
  readonly #splitter = new LineSplitter();

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

  async *lines(): AsyncGenerator<string> {
    for (;;) {
      const chunk = await this.#read(this.#position, chunkSize);
      if (chunk.length === 0) return;
      this.#position += chunk.length;
      yield* this.#splitter.split(chunk);
    }
  }

  /** Reads back from the end. */
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
}
