import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { LineSplitter } from './line-splitter.ts';
import type { LineFile } from './log-file.ts';

const chunkSize = 64 * 1024;
const newline = 0x0a;
/** RFC 1952: ten bytes, and then the comment, when only that is there. */
const headerSize = 10;
const commentFlag = 0x10;

/** A log file that was rotated and packed (native/monitor/compress_log.h): nobody writes it any more. */
export class CompressedLogFile implements LineFile {
  readonly inode: number;
  readonly #handle: FileHandle;
  #skipped = 0;
  #isRead = false;

  private constructor(handle: FileHandle, inode: number) {
    this.#handle = handle;
    this.inode = inode;
  }

  /** null when there is no such file. */
  static async open(path: string): Promise<CompressedLogFile | null> {
    try {
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      return new CompressedLogFile(handle, (await originalInode(handle)) ?? (await handle.stat()).ino);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async *lines(): AsyncGenerator<string> {
    if (this.#isRead) return;
    this.#isRead = true;
    const splitter = new LineSplitter();
    let left = this.#skipped;
    for await (const chunk of this.#chunks()) {
      for (const line of splitter.split(chunk)) {
        if (left > 0) left--;
        else yield line;
      }
    }
  }

  /** Unpacks it once more than a plain file, since nothing says where its lines are. */
  async seekLast(count: number): Promise<number> {
    let lines = 0;
    if (count > 0) for await (const chunk of this.#chunks()) lines += newlines(chunk);
    const wanted = Math.min(count, lines);
    this.#skipped = count > 0 ? lines - wanted : Number.POSITIVE_INFINITY;
    return wanted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    const packed = Readable.from(this.#packed());
    const gunzip = createGunzip();
    packed.on('error', (error) => gunzip.destroy(error));
    try {
      yield* packed.pipe(gunzip);
    } finally {
      packed.destroy();
      gunzip.destroy();
    }
  }

  async *#packed(): AsyncGenerator<Buffer> {
    for (let position = 0; ; ) {
      const { buffer, bytesRead } = await this.#handle.read(
        Buffer.allocUnsafe(chunkSize),
        0,
        chunkSize,
        position,
      );
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      position += bytesRead;
    }
  }
}

function newlines(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) count++;
  return count;
}

/** Of the file that was packed: its reader has that one open still, and goes on behind it. */
async function originalInode(handle: FileHandle): Promise<number | null> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
  if (bytesRead <= headerSize || buffer[3] !== commentFlag) return null;
  const match = /^inode (\d+)\0/.exec(buffer.subarray(headerSize, bytesRead).toString('latin1'));
  return match ? Number(match[1]) : null;
}
