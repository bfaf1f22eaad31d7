import { accessSync, constants, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { IdMap, IdRange } from './id-map.ts';
import { type SubordinateRange, subordinateRanges } from './subordinate.ts';

/** The ids of an ordinary user, and what he would have to do for more. */
export interface UserIdMap {
  readonly map: IdMap;
  /** Why only one id exists inside, with the remedy; null: there are more. */
  readonly single: string | null;
}

/** Where native/sys/id_map.cc looks for them, too. */
const programDirectories = ['/usr/bin', '/bin', '/usr/local/bin', '/run/wrappers/bin'];

/** The map of whoever runs this process. Reads /etc/subuid and /etc/subgid. */
export function userIdMap(): UserIdMap {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const name = userName(uid);
  return chooseIdMap({
    uid,
    gid,
    name,
    subuids: subordinateRanges(readText('/etc/subuid'), { name, uid }),
    subgids: subordinateRanges(readText('/etc/subgid'), { name, uid }),
    missingProgram: ['newuidmap', 'newgidmap'].find((program) => !isInstalled(program)) ?? null,
  });
}

/**
 * The user himself is root inside, his subordinate ids are 1 and following, as podman's are. Pure. A user without
 * subordinate ids, or without the programs that give them, has 0 alone.
 */
export function chooseIdMap(user: {
  uid: number;
  gid: number;
  name: string;
  subuids: readonly SubordinateRange[];
  subgids: readonly SubordinateRange[];
  missingProgram: string | null;
}): UserIdMap {
  const single = whySingle(user);
  const more = single === null;
  return {
    map: {
      uids: rangesOf(user.uid, more ? user.subuids : []),
      gids: rangesOf(user.gid, more ? user.subgids : []),
    },
    single,
  };
}

function whySingle(user: Parameters<typeof chooseIdMap>[0]): string | null {
  const { name, subuids, subgids, missingProgram } = user;
  if (subuids.length === 0 || subgids.length === 0) {
    const file = subuids.length === 0 ? '/etc/subuid' : '/etc/subgid';
    return (
      `${file} has no range for ${name}: add one as root, with ` +
      `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name} (a range that nobody else has); ` +
      'without, only root exists inside'
    );
  }
  return missingProgram === null
    ? null
    : `${missingProgram} is not installed: apt-get install uidmap; without, only root exists inside`;
}

function rangesOf(own: number, subordinate: readonly SubordinateRange[]): IdRange[] {
  const ranges: IdRange[] = [{ containerID: 0, hostID: own, size: 1 }];
  let next = 1;
  for (const { start, size } of subordinate) {
    ranges.push({ containerID: next, hostID: start, size });
    next += size;
  }
  return ranges;
}

function userName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return String(uid); // no line in /etc/passwd
  }
}

function isInstalled(program: string): boolean {
  return programDirectories.some((directory) => {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
