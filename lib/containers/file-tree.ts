import { constants } from 'node:fs';
import { posix } from 'node:path';
import { type CopyTree, copyIn, copyOut, type NativeFileStatus, statInTree } from '../../bindings/copy.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { CopyInOptions, CopyOutOptions, PathInfo } from './container.ts';

type UserNamespace = Parameters<typeof statInTree>[3];

/** What a path names, in a tree that is there. A link at its end is not followed unless asked, or the path ends in `/`. */
export async function statPathIn(
  tree: CopyTree,
  path: string,
  { followLink = false }: { readonly followLink?: boolean },
  userNamespace?: UserNamespace,
): Promise<PathInfo | null> {
  const status = await statInTree(tree, rooted(path), followLink, userNamespace);
  return status && infoOf(path, status);
}

/** The tar of what a path names, in a tree that is there. */
export async function* copyOutOf(
  tree: CopyTree,
  path: string,
  { followLink = false, name = nameOf(path), owner, signal }: CopyOutOptions,
  userNamespace?: UserNamespace,
): AsyncGenerator<Uint8Array, void, undefined> {
  const options = { path: rooted(path), follow: followLink, name, owner };
  yield* untilAborted(copyOut(tree, options, userNamespace), signal);
}

/** Makes a tar's files in a directory of a tree that is there. */
export async function copyInto(
  tree: CopyTree,
  path: string,
  tar: AsyncIterable<Uint8Array>,
  { overwriteDirectories = true, owner, signal }: CopyInOptions,
  userNamespace?: UserNamespace,
): Promise<void> {
  const options = { path: rooted(path), mayReplaceDirectories: overwriteDirectories, owner };
  await copyIn(tree, untilAborted(tar, signal), options, userNamespace);
}

/** Which errno a copy failed with, and on which path, if it was a system call. */
export function failedCall(error: unknown): { readonly errno: string; readonly path: unknown } | null {
  if (!isEngineError(error)) return null;
  const { errno, path } = error.details ?? {};
  return typeof errno === 'string' ? { errno, path } : null;
}

/** From the root: what docker takes a relative path for. */
export function rooted(path: string): string {
  if (path !== '' && !path.includes('\0')) return path.startsWith('/') ? path : `/${path}`;
  throw new EngineError('ERR_INVALID_ARGUMENT', 'a path to copy cannot be empty, nor contain a zero byte');
}

/** The last name; "." for `/` and for what ends in `/.`, which stand for a directory's contents. */
export function nameOf(path: string): string {
  return posix.basename(path) || '.';
}

async function* untilAborted(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of bytes) {
    if (signal?.aborted)
      throw new EngineError('ERR_ABORTED', 'the copy was aborted', { cause: signal.reason });
    yield piece;
  }
}

const types: Readonly<Record<number, PathInfo['type']>> = {
  [constants.S_IFREG]: 'file',
  [constants.S_IFDIR]: 'directory',
  [constants.S_IFLNK]: 'symlink',
};

function infoOf(path: string, { mode, size, mtimeMs, uid, gid, target }: NativeFileStatus): PathInfo {
  const type = types[mode & constants.S_IFMT] ?? 'other';
  return {
    name: nameOf(path),
    type,
    mode: mode & 0o7777,
    size,
    modifiedAt: new Date(mtimeMs).toISOString(),
    uid,
    gid,
    linkTarget: type === 'symlink' ? target : null,
  };
}
