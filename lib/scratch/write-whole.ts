import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EngineError } from '../errors/index.ts';
import { syncDirectory } from './sync-directory.ts';

export interface WriteWholeOptions {
  /** Of a new file; one that is replaced does not keep its own. Default: 0666 less the umask. */
  readonly mode?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes bytes that arrive to a file, which appears under its name when it is complete and on the disk; what fails leaves
 * what was there. Links are followed. What is no file (a pipe, a device, `/dev/stdout` whatever that is) is written to and
 * never replaced. @throws EngineError ERR_INVALID_ARGUMENT when there is no such folder, or the path is one
 */
export async function writeWhole(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  { mode = 0o666, signal }: WriteWholeOptions = {},
): Promise<void> {
  const options = signal ? { signal } : {};
  if (await isWrittenThrough(path)) return pipeline(bytes, createWriteStream(path), options);
  const target = await realpath(path).catch(() => path);
  const draft = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await pipeline(bytes, createWriteStream(draft, { flags: 'wx', mode, flush: true }), options);
    await rename(draft, target);
    await syncDirectory(dirname(target));
  } catch (error) {
    await rm(draft, { force: true });
    const { code, path: missing } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' || missing !== draft) throw error;
    throw invalid(path, `there is no folder ${dirname(target)}: make it first`, error);
  }
}

/** No file, or an open one by the number of its descriptor, whose owner would not see another in its place. */
async function isWrittenThrough(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw invalid(path, 'it is a folder: name a file in it');
  return found !== undefined && (!found.isFile() || (await leadsToDescriptor(path)));
}

/** `/dev/stdout` is a link to `/proc/self/fd/1`, and that a magic one (proc(5)). */
async function leadsToDescriptor(path: string): Promise<boolean> {
  const isDescriptor = /^\/(?:proc\/(?:self|\d+)|dev)\/fd\/\d+$/;
  return isDescriptor.test(path) || isDescriptor.test(await readlink(path).catch(() => ''));
}

function invalid(path: string, complaint: string, cause?: unknown): EngineError {
  return new EngineError('ERR_INVALID_ARGUMENT', `cannot write ${path}: ${complaint}`, {
    cause,
    details: { path },
  });
}
