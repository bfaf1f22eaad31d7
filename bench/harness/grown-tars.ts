import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { tarOf } from '../../test/fixtures/tar.ts';

const batch = 1000;

/** A tar of empty files in directories of a thousand. */
export async function writeEmptyFiles(path: string, count: number, prefix = 'files'): Promise<void> {
  await pipeline(Readable.from(emptyFiles(count, prefix)), createWriteStream(path));
}

/** A tar of one file, a quarter of which cannot be compressed. */
export async function writeLargeFile(path: string, bytes: number): Promise<void> {
  await pipeline(Readable.from(largeFile(bytes)), createWriteStream(path));
}

function* emptyFiles(count: number, prefix: string): Generator<Buffer> {
  const template = tarOf([{ path: '' }]).subarray(0, 512);
  const sum = Number.parseInt(template.toString('latin1', 148, 154), 8);
  for (let from = 0; from < count; from += batch) {
    const names = Array.from({ length: Math.min(batch, count - from) }, (_, at) => `${prefix}/${from}/${at}`);
    yield Buffer.concat(names.map((name) => named(template, sum, name)));
  }
  yield Buffer.alloc(1024);
}

/** The header with a name in it; `sum` is the checksum without. */
function named(template: Buffer, sum: number, name: string): Buffer {
  const header = Buffer.from(template);
  const bytes = Buffer.from(name);
  bytes.copy(header);
  const whole = bytes.reduce((total, byte) => total + byte, sum);
  header.write(whole.toString(8).padStart(6, '0'), 148);
  return header;
}

function* largeFile(bytes: number): Generator<Buffer> {
  const [piece, size] = [1 << 20, Math.floor(bytes / (1 << 20)) * (1 << 20)];
  yield headerOfSize(size);
  const content = Buffer.alloc(piece);
  for (let at = 0; at < size; at += piece) {
    randomBytes(piece / 4).copy(content);
    yield Buffer.from(content);
  }
  yield Buffer.alloc(1024);
}

/** Sizes of 8 GiB and more do not fit. */
function headerOfSize(size: number): Buffer {
  const header = tarOf([{ path: 'large' }]).subarray(0, 512);
  header.write(size.toString(8).padStart(11, '0'), 124);
  header.write(' '.repeat(8), 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
