import { lstat, mkdir, readdir, readlink, symlink, unlink } from 'node:fs/promises';
import { lockFile, type NativeLock } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { waitForLock } from '../scratch/index.ts';
import type { IdMap, IdRange } from './id-map.ts';
import { subordinateIdsOf } from './remapped.ts';
import type { SubordinateRange } from './subordinate.ts';

/** Ids of this machine that one container has. */
export interface TakenRange {
  readonly start: number;
  readonly size: number;
}

/** What is wanted: `size` ids, null for 65536; with ids of the machine at certain places instead of those of the range. */
export interface AskedIds {
  readonly size: number | null;
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

const usualSize = 65_536;
/** Milliseconds from the taking of a range to the container that has it: a pull may lie between. */
const youth = 10 * 60 * 1000;

/**
 * Who has which ids, of those that belong to one user in /etc/subuid and /etc/subgid: symbolic links START-SIZE-HOLDER in
 * one directory, to `PID:STARTTIME` of who took it. A range belongs to its holder while that exists (`exists`), and before
 * that for ten minutes to a process that lives (`isAlive`). What is nobody's any more is found by whoever takes the next
 * one; the lock beside the directory says who comes first. Any number of processes do so at once.
 */
export class IdRanges {
  readonly #directory: string;
  readonly #exists: (holder: string) => Promise<boolean>;
  readonly #isAlive: (process: string) => boolean;

  constructor(
    directory: string,
    exists: (holder: string) => Promise<boolean>,
    isAlive: (process: string) => boolean,
  ) {
    this.#directory = directory;
    this.#exists = exists;
    this.#isAlive = isAlive;
  }

  /** Takes the first range that is free. ERR_NO_SUBORDINATE_IDS when the user has none, or all are taken. */
  async take(holder: string, process: string, user: string, { size }: AskedIds): Promise<TakenRange> {
    const { uids, gids } = subordinateIdsOf(user);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    using _lock = await this.#lock();
    const range = firstFree(common(uids, gids), await this.#taken(), size ?? usualSize);
    if (range === null) throw exhausted(user, size ?? usualSize);
    await symlink(process, this.path(holder, range));
    return range;
  }

  /** The range of another one, for one that shares its namespaces. */
  async share(holder: string, process: string, range: TakenRange): Promise<void> {
    await symlink(process, this.path(holder, range));
  }

  /** What says that `holder` has it: whoever removes this gives it back. */
  path(holder: string, { start, size }: TakenRange): string {
    return `${this.#directory}/${start}-${size}-${holder}`;
  }

  async giveBack(holder: string, range: TakenRange): Promise<void> {
    await unlink(this.path(holder, range)).catch(ignoringAbsence);
  }

  async #taken(): Promise<TakenRange[]> {
    const taken = await Promise.all((await readdir(this.#directory)).map((name) => this.#look(name)));
    return taken.filter((range) => range !== null).sort((one, other) => one.start - other.start);
  }

  /** null: it is free, now at least. */
  async #look(name: string): Promise<TakenRange | null> {
    const [, start, size, holder] = /^(\d+)-(\d+)-([0-9a-f]+)$/.exec(name) ?? [];
    if (holder === undefined) return null;
    const path = `${this.#directory}/${name}`;
    if (!(await this.#exists(holder)) && !(await this.#isInTheMaking(path))) {
      await unlink(path).catch(ignoringAbsence);
      return null;
    }
    return { start: Number(start), size: Number(size) };
  }

  async #isInTheMaking(path: string): Promise<boolean> {
    const [process, info] = await Promise.all([readlink(path), lstat(path)]).catch(() => ['', null] as const);
    return info !== null && Date.now() - info.mtimeMs < youth && this.#isAlive(process);
  }

  async #lock(): Promise<Disposable> {
    const path = `${this.#directory}.lock`;
    const lock: NativeLock =
      (await lockFile(path, { shared: false, wait: false })) ?? (await waitForLock(path, { shared: false }));
    return { [Symbol.dispose]: () => lock.release() };
  }
}

/** The range as ids from 0 on, and at the places that were asked for the machine's ids instead. Pure. */
export function mapOf({ start, size }: TakenRange, { uids, gids }: Pick<AskedIds, 'uids' | 'gids'>): IdMap {
  const range = { containerID: 0, hostID: start, size };
  return { uids: withOthers(range, uids), gids: withOthers(range, gids) };
}

function withOthers(whole: IdRange, others: readonly IdRange[]): IdRange[] {
  const rest = others.reduce<IdRange[]>(
    (parts, other) => parts.flatMap((part) => without(part, other)),
    [whole],
  );
  return [...rest, ...others].sort((one, other) => one.containerID - other.containerID);
}

/** What of `part` is not where `other` is, inside. */
function without(part: IdRange, other: IdRange): IdRange[] {
  const [from, to] = [other.containerID, other.containerID + other.size];
  const end = part.containerID + part.size;
  if (to <= part.containerID || from >= end) return [part];
  const before = { ...part, size: Math.max(from - part.containerID, 0) };
  const skipped = to - part.containerID;
  const after = { containerID: to, hostID: part.hostID + skipped, size: Math.max(end - to, 0) };
  return [before, after].filter(({ size }) => size > 0);
}

/** Ids that are in both, as users and as groups. */
function common(uids: readonly SubordinateRange[], gids: readonly SubordinateRange[]): SubordinateRange[] {
  return uids.flatMap((one) =>
    gids.flatMap((other) => {
      const start = Math.max(one.start, other.start);
      const end = Math.min(one.start + one.size, other.start + other.size);
      return end > start ? [{ start, size: end - start }] : [];
    }),
  );
}

function firstFree(
  ranges: readonly SubordinateRange[],
  taken: readonly TakenRange[],
  size: number,
): TakenRange | null {
  for (const range of ranges) {
    let start = range.start;
    for (const one of taken)
      if (one.start < start + size && one.start + one.size > start) start = one.start + one.size;
    if (start + size <= range.start + range.size) return { start, size };
  }
  return null;
}

function exhausted(user: string, size: number): EngineError {
  return new EngineError(
    'ERR_NO_SUBORDINATE_IDS',
    `there are no ${size} ids in one piece left for a container among those that /etc/subuid and /etc/subgid both give to ${user}: ` +
      'remove containers, ask for fewer (--userns auto:size=1024), or give that user more',
    { details: { user, size } },
  );
}

function ignoringAbsence(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
