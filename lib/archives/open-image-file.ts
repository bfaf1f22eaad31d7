import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { inflateFile } from '../../bindings/archive.ts';
import { EngineError } from '../errors/index.ts';
import { compressionOfFile } from './compression-of-file.ts';
import { isDockerArchive, openDockerArchive } from './docker-archive.ts';
import { type Files, folderFiles, invalidArchive } from './files.ts';
import type { ImageFile } from './image-file.ts';
import { isLayout, openLayout } from './oci-layout.ts';
import { openTarFiles } from './tar-files.ts';

/** Bytes of an archive that arrive, or the path of one, or of a folder. */
export type ArchiveInput = string | AsyncIterable<Uint8Array>;

export interface OpenOptions {
  /** A folder of the caller's own for what has to be put down: bytes that arrive, archives that are packed. */
  readonly scratch: string;
  /** Bytes of the archive, unpacked; more are ERR_LAYER_TOO_LARGE. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens images in a file, in a folder, or in bytes that arrive: an OCI layout, or a docker-archive. An archive that is both,
 * as docker writes it since 25, is read as a layout. It may be packed by gzip or zstd. A plain file stays where it is and
 * must not change while it is read; all else goes to the scratch folder.
 * @throws EngineError ERR_ARCHIVE_INVALID, ERR_ARCHIVE_COMPRESSION_UNSUPPORTED, ERR_LAYER_TOO_LARGE, ERR_NO_SPACE, and what
 * the images themselves are refused for
 */
export async function openImageFile(input: ArchiveInput, options: OpenOptions): Promise<ImageFile> {
  const files = await openFiles(input, options);
  if (isLayout(files)) return openLayout(files);
  if (isDockerArchive(files)) return openDockerArchive(files);
  throw invalidArchive(files.name, complaintOf(files));
}

async function openFiles(input: ArchiveInput, options: OpenOptions): Promise<Files> {
  if (typeof input === 'string' && (await stat(input).catch(notFound(input))).isDirectory())
    return folderFiles(input);
  const plain = await openPlainFile(input, options);
  return openTarFiles(plain.path, plain.name);
}

/**
 * The same bytes as a file that is not packed, with its size, and with its digest when it had to be unpacked. `name`: what it
 * is called in messages. @throws as openImageFile
 */
export async function openPlainFile(
  input: ArchiveInput,
  options: OpenOptions,
): Promise<{
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly digest?: string;
}> {
  const name = typeof input === 'string' ? input : 'the standard input';
  const path = await regularFile(input, options);
  const { size } = await stat(path);
  if (size === 0) throw invalidArchive(name, 'it is empty');
  const compression = await compressionOfFile({ path, offset: 0, size }, name);
  if (compression === 'none') return { path, name, size };
  const target = join(options.scratch, 'unpacked');
  const made = await inflateFile({ source: path, compression, target, maxBytes: options.maxBytes });
  if (path !== input) await rm(path);
  options.signal?.throwIfAborted();
  return { path: target, name, ...made };
}

/** What is no regular file (a pipe of the shell's, a device) has to be put down as well. */
async function regularFile(input: ArchiveInput, options: OpenOptions): Promise<string> {
  if (typeof input !== 'string') return putDown(input, options);
  const found = await stat(input).catch(notFound(input));
  if (found.isDirectory())
    throw invalidArchive(input, 'it is a folder, and not a tar: pack it first, by tar');
  return found.isFile() ? input : putDown(createReadStream(input), options);
}

async function putDown(input: AsyncIterable<Uint8Array>, options: OpenOptions): Promise<string> {
  const { scratch, maxBytes, signal } = options;
  const path = join(scratch, 'arrived');
  const file = createWriteStream(path, { mode: 0o600, highWaterMark: 4 << 20 });
  await pipeline(bounded(input, maxBytes), file, signal ? { signal } : {});
  return path;
}

async function* bounded(input: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of input) {
    size += piece.length;
    if (size > maxBytes) {
      throw new EngineError('ERR_LAYER_TOO_LARGE', `the archive has more than ${maxBytes} bytes`, {
        details: { maxBytes },
      });
    }
    yield piece;
  }
}

function complaintOf(files: Files): string {
  if (files.find('repositories') !== undefined)
    return 'it was made by docker before 1.10, whose archives cannot be verified; load and save it by a current docker';
  return 'it has neither index.json and oci-layout (an OCI layout) nor manifest.json (a docker-archive); a root file system is imported';
}

function notFound(path: string): (cause: NodeJS.ErrnoException) => never {
  const isUrl = /^https?:\/\//.test(path);
  return (cause) => {
    const complaint = isUrl ? `URLs are not fetched: pipe it from curl -L ${path}` : cause.message;
    throw new EngineError('ERR_ARCHIVE_INVALID', `cannot read images from ${path}: ${complaint}`, {
      cause,
      details: { archive: path },
    });
  };
}
