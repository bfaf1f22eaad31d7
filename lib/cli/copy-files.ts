import { posix, resolve } from 'node:path';
import { type Container, type FileTree, hostFiles, type PathInfo } from '../containers/index.ts';
import { EngineError, isEngineError } from '../errors/index.ts';

/** One side of `cp`: a path in a container, or here. */
export interface CopyPlace {
  readonly container: string | null;
  readonly path: string;
}

interface CopyRules {
  /** Owners are kept. */
  readonly archive: boolean;
  readonly followLink: boolean;
  readonly signal: AbortSignal;
}

/** Links to links, as Linux counts them. */
const mostLinks = 40;

/** `CONTAINER:PATH`, or a path: what begins with `/` or `.`, or has no colon. */
export function copyPlace(word: string): CopyPlace {
  const colon = word.indexOf(':');
  if (word.startsWith('/') || word.startsWith('.') || colon < 0) return { container: null, path: word };
  return { container: word.slice(0, colon), path: word.slice(colon + 1) };
}

/** Copies by docker's rules (docker cp, "Extended description"), and answers how many bytes of tar that were. */
export async function copyBetween(
  container: Container,
  source: CopyPlace,
  destination: CopyPlace,
  rules: CopyRules,
): Promise<number> {
  const [from, to] = [treeOf(container, source), treeOf(container, destination)];
  const target = absolute(destination);
  if (source.container === null && source.path === '-') return await extractStdin(to, destination, rules);
  const path = absolute(source);
  const info = await from.statPath(path, { followLink: rules.followLink });
  const { directory, name } = await landing(to, target, info, nameOf(path));
  const owner = rules.archive ? undefined : ownerOf(destination);
  const { followLink, signal } = rules;
  const tar = from.copyOut(path, { followLink, signal, name, ...(owner && { owner }) });
  return await counted(tar, (bytes) => to.copyIn(directory, bytes, { overwriteDirectories: false, signal }));
}

/** Where a copy goes and what it is called there. */
async function landing(
  tree: FileTree,
  wanted: string,
  source: PathInfo,
  name: string,
): Promise<{ directory: string; name: string }> {
  const { path, info } = await behindLinks(tree, wanted);
  if (info?.type === 'directory') return { directory: path, name };
  const isDirectory = source.type === 'directory';
  if (info && isDirectory) throw invalid(`cannot copy directory to ${path}, which is a file`);
  if (info && assertsDirectory(wanted)) throw invalid(`${wanted}: not a directory`);
  if (!info && !isDirectory && assertsDirectory(wanted)) throw invalid(`${wanted}: no such directory`);
  return { directory: posix.dirname(path), name: posix.basename(path) };
}

/** Each name on the way is looked up in the tree, so that no link leads out of it. */
async function behindLinks(tree: FileTree, wanted: string): Promise<{ path: string; info: PathInfo | null }> {
  let path = wanted.replace(/(?<=.)\/\.?$/, '');
  for (let links = 0; links < mostLinks; links++) {
    const info = await tree.statPath(path).catch(missing);
    if (!info?.linkTarget) return { path, info };
    path = info.linkTarget.startsWith('/') ? info.linkTarget : `${posix.dirname(path)}/${info.linkTarget}`;
  }
  throw invalid(`${wanted}: too many levels of symbolic links`);
}

async function extractStdin(
  tree: FileTree,
  { container, path }: CopyPlace,
  rules: CopyRules,
): Promise<number> {
  const info = await tree.statPath(path, { followLink: true });
  if (info.type !== 'directory') throw invalid(`destination "${container}:${path}" must be a directory`);
  return await counted(process.stdin, (bytes) =>
    tree.copyIn(path, bytes, { overwriteDirectories: false, signal: rules.signal }),
  );
}

async function counted(
  tar: AsyncIterable<Uint8Array>,
  write: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<number> {
  let size = 0;
  async function* count() {
    for await (const piece of tar) {
      size += piece.length;
      yield piece;
    }
  }
  await write(count());
  return size;
}

function treeOf(container: Container, place: CopyPlace): FileTree {
  return place.container === null ? hostFiles : container;
}

/** Keeps what stands at the end of a path: `/` and `/.` say that it is a directory. */
function absolute({ container, path }: CopyPlace): string {
  const end = /(?:^|\/)\.$/.test(path) ? '/.' : /\/$/.test(path) ? '/' : '';
  const whole = container === null ? resolve(path) : posix.resolve('/', path);
  return whole === '/' ? '/' : `${whole}${end}`;
}

function nameOf(path: string): string {
  return path.endsWith('/.') ? '.' : posix.basename(path) || '.';
}

function assertsDirectory(path: string): boolean {
  return path.endsWith('/') || path.endsWith('/.');
}

function ownerOf({ container }: CopyPlace): { uid: number; gid: number } {
  if (container !== null) return { uid: 0, gid: 0 };
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

function missing(error: unknown): null {
  if (isEngineError(error, 'ERR_PATH_NOT_FOUND')) return null;
  throw error;
}

function invalid(message: string): EngineError {
  return new EngineError('ERR_COPY_TARGET_INVALID', message);
}
