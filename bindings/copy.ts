/** Files into and out of a tree that somebody else may be changing (docker cp), as tars. */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isEngineError } from '../lib/errors/index.ts';
import { fromNative, toEngineError } from './errors.ts';
import { native } from './load.ts';
import type { CopyTree, FileOwner, NativeFileStatus, NativeUserNamespace } from './native.ts';

export type { CopyTree, FileOwner, NativeFileStatus } from './native.ts';

/** See NativeAddon.statInTree. */
export function statInTree(
  tree: CopyTree,
  path: string,
  follow: boolean,
  userNamespace: NativeUserNamespace | null = null,
): Promise<NativeFileStatus | null> {
  return fromNative(() => native.statInTree(tree, path, follow, userNamespace));
}

/** See NativeAddon.copyOut: the tar's bytes. To leave early ends the writing. */
export async function* copyOut(
  tree: CopyTree,
  options: { path: string; follow: boolean; name: string; owner?: FileOwner | undefined },
  userNamespace: NativeUserNamespace | null = null,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { fd, done } = native.copyOut(tree, options, userNamespace);
  const ended = fromNative(() => done);
  ended.catch(() => undefined); // whoever leaves early closes the pipe: EPIPE
  const pipe = new Socket({ fd, readable: true, writable: false });
  try {
    yield* pipe;
    await ended;
  } finally {
    pipe.destroy();
    await ended.catch(() => undefined);
  }
}

/** See NativeAddon.copyIn: settles when all files are there. */
export async function copyIn(
  tree: CopyTree,
  tar: AsyncIterable<Uint8Array>,
  options: { path: string; mayReplaceDirectories: boolean; owner?: FileOwner | undefined },
  userNamespace: NativeUserNamespace | null = null,
): Promise<void> {
  const { fd, done } = native.copyIn(tree, options, userNamespace);
  const ended = fromNative(() => done);
  ended.catch(() => undefined);
  try {
    await writeAll(fd, tar);
  } catch (error) {
    await ended; // why nobody reads any more, if that is what it was
    throw error;
  }
  await ended;
}

async function writeAll(fd: number, tar: AsyncIterable<Uint8Array>): Promise<void> {
  const pipe = new Socket({ fd, readable: false, writable: true });
  const closed = new Promise<void>((resolve) => pipe.once('close', () => resolve()));
  let failure: Error | undefined;
  pipe.on('error', (error) => {
    failure = error;
  });
  try {
    for await (const piece of tar) {
      if (failure) throw failure;
      await new Promise<void>((written, fail) => {
        pipe.write(piece, (error) => (error ? fail(error) : written()));
      });
    }
    await new Promise<void>((finished) => pipe.end(() => finished()));
  } finally {
    pipe.destroy();
    await closed;
  }
}

/** See NativeAddon.openProcessRoot; closed by disposal. null: there is no such process. */
export function openProcessRoot(pid: number): ({ readonly fd: number } & Disposable) | null {
  try {
    const fd = native.openProcessRoot(pid);
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    const failure = toEngineError(error);
    if (isEngineError(failure) && ['ENOENT', 'ESRCH'].includes(String(failure.details?.errno))) return null;
    throw failure;
  }
}
