import type { PathInfo } from '../../containers/index.ts';

/** Go's os.FileMode has the kind of a file in its upper bits, and these three apart from the permissions. */
const kindBits = { file: 0, directory: 2 ** 31, symlink: 2 ** 27, other: 2 ** 26 } as const;
const specialBits = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
] as const;

/** docker's ContainerPathStat: what X-Docker-Container-Path-Stat says. */
export function pathStat({ name, type, mode, size, modifiedAt, linkTarget }: PathInfo) {
  const special = specialBits.reduce((sum, [bit, inGo]) => sum + (mode & bit ? inGo : 0), 0);
  return {
    name,
    size,
    mode: (mode & 0o777) + special + kindBits[type],
    mtime: modifiedAt,
    linkTarget: linkTarget ?? '',
  };
}
