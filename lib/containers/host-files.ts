import { closeSync, constants, openSync } from 'node:fs';
import type { CopyTree } from '../../bindings/copy.ts';
import { EngineError } from '../errors/index.ts';
import type { FileTree } from './container.ts';
import { copyInto, copyOutOf, failedCall, statPathIn } from './file-tree.ts';

/** This machine's own files, to be copied to and from containers. Paths are absolute. */
export const hostFiles: FileTree = {
  statPath: (path, options = {}) =>
    explained(path, () =>
      withRoot(async (tree) => {
        const info = await statPathIn(tree, path, options);
        if (info !== null) return info;
        throw new EngineError('ERR_PATH_NOT_FOUND', `lstat ${path}: no such file or directory`);
      }),
    ),
  copyOut: (path, options = {}) => readHost(path, options),
  copyIn: (path, tar, options = {}) =>
    explained(path, () => withRoot((tree) => copyInto(tree, path, tar, options))),
};

async function* readHost(path: string, options: Parameters<FileTree['copyOut']>[1] = {}) {
  const fd = openRoot();
  try {
    yield* copyOutOf({ fd }, path, options);
  } finally {
    closeSync(fd);
  }
}

async function withRoot<T>(work: (tree: CopyTree) => Promise<T>): Promise<T> {
  const fd = openRoot();
  try {
    return await work({ fd });
  } finally {
    closeSync(fd);
  }
}

function openRoot(): number {
  return openSync('/', constants.O_RDONLY | constants.O_DIRECTORY);
}

async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failed = failedCall(error);
    if (failed?.path !== path) throw error;
    if (failed.errno === 'ENOENT')
      throw new EngineError(
        'ERR_PATH_NOT_FOUND',
        `invalid output path: directory ${JSON.stringify(path)} does not exist`,
        { cause: error },
      );
    if (failed.errno === 'ENOTDIR')
      throw new EngineError('ERR_COPY_TARGET_INVALID', `${path}: not a directory`, { cause: error });
    throw error;
  }
}
