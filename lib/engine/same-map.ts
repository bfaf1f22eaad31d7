import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import { type IdMap, isExtendedBy, mapText, parseMapText, sizeOf } from '../id-map/index.ts';

/**
 * Files below a root belong to the ids of the map that they were written with: one and the same for as long as there are
 * any, but for ids that are added to it. Answers `map`. @throws EngineError ERR_ROOT_INVALID when /etc/subuid or /etc/subgid have changed since
 */
export function requireSameMap(root: string, map: IdMap): IdMap {
  const file = `${root}/id-map`;
  const text = `${mapText(map.uids)}\n${mapText(map.gids)}\n`;
  const before = readText(file);
  if (before === text) return map;
  // Whoever took the remedy of `strake system info` has no files yet; whoever that of a pull has more ids than before.
  if (before === null || isExtension(before, map) || !hasFiles(root)) {
    writeWhole(file, text);
    return map;
  }
  throw new EngineError(
    'ERR_ROOT_INVALID',
    `cannot use ${root}: its files were made with the ids ${lineOf(before)}, and this user's are now ${lineOf(text)} ` +
      '(/etc/subuid, /etc/subgid, newuidmap): restore the ranges, use another root, or have root remove this one and ' +
      'pull again',
    { details: { root, before, now: text } },
  );
}

/** With one id all owners were written as that one, so that more would come too late. */
function isExtension(before: string, now: IdMap): boolean {
  const [uids = [], gids = []] = before.trim().split('\n').map(parseMapText);
  const isWhole = sizeOf(uids) > 1 && sizeOf(gids) > 1;
  return isWhole && isExtendedBy(uids, now.uids) && isExtendedBy(gids, now.gids);
}

/** Whether anything below `root` may belong to the ids of a map: a layer, also one in the making, a container, a volume. */
function hasFiles(root: string): boolean {
  const layers = `${root}/layers`;
  const folders = [
    `${root}/containers`,
    `${root}/volumes`,
    ...namesIn(layers).map((name) => `${layers}/${name}`),
  ];
  return folders.some((folder) => namesIn(folder).length > 0);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

function lineOf(text: string): string {
  return text.trim().split('\n').join(' / ');
}

/** Another process that opens the root for the first time at this moment reads nothing or all of it. */
function writeWhole(path: string, text: string): void {
  const part = `${path}.${process.pid}`;
  writeFileSync(part, text, { mode: 0o600 });
  renameSync(part, path);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
