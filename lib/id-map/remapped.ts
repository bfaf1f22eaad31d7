import { readFileSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import type { IdMap, IdRange } from './id-map.ts';
import { type SubordinateRange, subordinateRanges } from './subordinate.ts';

/** What /etc/subuid and /etc/subgid give to somebody, who need not be in /etc/passwd. */
export interface SubordinateIds {
  readonly uids: readonly SubordinateRange[];
  readonly gids: readonly SubordinateRange[];
}

/**
 * `user`, or `user:group`, each a name or a number. Read anew each time: an administrator's change counts at once.
 * @throws EngineError ERR_NO_SUBORDINATE_IDS with the lines that are missing
 */
export function subordinateIdsOf(user: string): SubordinateIds {
  const [owner = '', group = owner] = user.split(':');
  return {
    uids: requireRanges('/etc/subuid', owner, idIn('/etc/passwd', owner)),
    gids: requireRanges('/etc/subgid', group, idIn('/etc/group', group)),
  };
}

/** Docker's --userns-remap: the ids from 0 on are those ranges, one after the other. ERR_NO_SUBORDINATE_IDS */
export function remappedIds(user: string): IdMap {
  const { uids, gids } = subordinateIdsOf(user);
  return { uids: inOrder(uids), gids: inOrder(gids) };
}

function inOrder(ranges: readonly SubordinateRange[]): IdRange[] {
  let next = 0;
  return ranges.map(({ start, size }) => {
    const range = { containerID: next, hostID: start, size };
    next += size;
    return range;
  });
}

function requireRanges(file: string, name: string, uid: number): SubordinateRange[] {
  const ranges = subordinateRanges(readText(file), { name, uid });
  if (ranges.length > 0) return ranges;
  throw new EngineError(
    'ERR_NO_SUBORDINATE_IDS',
    `${file} has no range for ${name}, whose ids the container is to have: add a line such as ${name}:2147483648:1048576, ` +
      'of ids that nobody else has, to /etc/subuid and /etc/subgid',
    { details: { file, user: name } },
  );
}

/** -1: there is none of that name, or the number that it is. */
function idIn(file: string, name: string): number {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const line = readText(file)
    .split('\n')
    .find((text) => text.startsWith(`${name}:`));
  return Number(line?.split(':')[2] ?? -1);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
