import { readFileSync, writeFileSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import { type IdMap, mapText } from '../id-map/index.ts';

/**
 * Files below a root belong to the ids of the map that they were written with: one and the same for all of a root's
 * life. Answers `map`. @throws EngineError ERR_ROOT_INVALID when /etc/subuid or /etc/subgid have changed since
 */
export function requireSameMap(root: string, map: IdMap): IdMap {
  const file = `${root}/id-map`;
  const text = `${mapText(map.uids)}\n${mapText(map.gids)}\n`;
  const before = readText(file);
  if (before === null) writeFileSync(file, text, { mode: 0o600 });
  if (before === null || before === text) return map;
  throw new EngineError(
    'ERR_ROOT_INVALID',
    `cannot use ${root}: its files were made with the ids ${lineOf(before)}, and this user's are now ${lineOf(text)} ` +
      '(/etc/subuid, /etc/subgid, newuidmap): restore the ranges, use another root, or remove this one and pull again',
    { details: { root, before, now: text } },
  );
}

function lineOf(text: string): string {
  return text.trim().split('\n').join(' / ');
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
