import { type Stats, statSync } from 'node:fs';
import type { ContainerRecord } from './record.ts';

interface Kept {
  readonly fingerprint: string;
  /** null: seen once; it is kept when it is asked for again, as programs that look once need not pay for it. */
  readonly record: ContainerRecord | null;
}

/** Records that are kept, at most; about 10 KB each. */
const most = 4096;
/** Milliseconds. A file that is younger may be replaced within the same tick of the file system's clock, and look the same. */
const settled = 100;

/**
 * Records as their files are now: one is parsed again only when its file is another one. Records are replaced by rename, so that
 * the inode, the size and the times tell, whichever process has done it. What is given out twice is frozen.
 */
export class RecordCache {
  readonly #parse: (path: string) => ContainerRecord | null;
  readonly #kept = new Map<string, Kept>();

  /** @param parse reads what is in a file; null: there is none, or no record in it */
  constructor(parse: (path: string) => ContainerRecord | null) {
    this.#parse = parse;
  }

  /** What `parse` says of the file as it is now; throws what that throws. */
  read(path: string): ContainerRecord | null {
    const status = statSync(path, { throwIfNoEntry: false });
    const known = this.#kept.get(path);
    const fingerprint = status && fingerprintOf(status);
    if (known?.record && known.fingerprint === fingerprint) return known.record;
    this.#kept.delete(path);
    const record = status === undefined ? null : this.#parse(path);
    if (status && record && isSettled(status) && this.#kept.size < most) {
      const isSecond = known?.fingerprint === fingerprint;
      this.#kept.set(path, { fingerprint: fingerprintOf(status), record: isSecond ? freeze(record) : null });
    }
    return record;
  }

  /** Whether the file is the one whose record is kept. */
  has(path: string): boolean {
    const known = this.#kept.get(path);
    if (!known?.record) return false;
    const status = statSync(path, { throwIfNoEntry: false });
    return status !== undefined && fingerprintOf(status) === known.fingerprint;
  }

  /** Forgets those of files that are not among these. */
  retain(paths: ReadonlySet<string>): void {
    for (const path of this.#kept.keys()) if (!paths.has(path)) this.#kept.delete(path);
  }
}

function fingerprintOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

/** Not where a clock was set back, either. */
function isSettled({ ctimeMs }: Stats): boolean {
  return Date.now() - ctimeMs > settled;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}
