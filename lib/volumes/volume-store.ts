import { chmod, mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { diskUsage, lockFile, type NativeLock, writeFileAtomic } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { hostIds, type Ids } from '../id-map/index.ts';
import { randomId } from '../random-id/index.ts';
import { driverMount, type VolumeMount } from './driver-options.ts';
import { isVolumeName } from './volume-name.ts';
import { parseVolumeRecord, type VolumeRecord } from './volume-record.ts';

/** A container that has a volume, whether or not it runs. */
export interface VolumeUse {
  readonly id: string;
  readonly name: string;
}

/** By the volume's name; those that nothing uses are not in it. */
export type VolumeUses = ReadonlyMap<string, readonly VolumeUse[]>;

/**
 * The directories ROOT/volumes/NAME: `_data`, which a container sees, and volume.json. One appears and disappears with a
 * rename. Whoever needs one records the need before `ensure`, and `removeUnused` asks for needs while nobody can be inside
 * `ensure`: so none is taken away between somebody's look and his use. The lock is ROOT/volumes.lock, held briefly.
 */
export class VolumeStore {
  readonly #root: string;
  readonly #ids: Ids;
  /** One at a time here, since who waits for the lock only asks for it now and then. */
  #lastRemoval: Promise<unknown> = Promise.resolve();

  constructor(root: string, ids: Ids = hostIds) {
    this.#root = `${root}/volumes`;
    this.#ids = ids;
  }

  /** What a container sees of it. */
  path(name: string): string {
    return `${this.directory(name)}/_data`;
  }

  directory(name: string): string {
    return `${this.#root}/${name}`;
  }

  /** Makes the volume unless it is there; any number of processes may do so at once. Whether this one did. */
  async ensure(
    name: string,
    { durable = false, ...asked }: Partial<VolumeRecord> & { durable?: boolean } = {},
  ): Promise<boolean> {
    using _lock = await this.#lock({ shared: true });
    if (await isThere(this.path(name))) return false;
    const made = { version: 1, labels: {}, createdAt: new Date().toISOString(), anonymous: false } as const;
    return await this.#make(name, { ...made, ...asked }, durable);
  }

  /** What a container mounts that has it. ERR_MOUNT_FAILED for a server without an address. */
  async mountOf(name: string): Promise<VolumeMount> {
    const { driverOptions } = (await this.read(name)) ?? {};
    if (driverOptions) return await driverMount(driverOptions);
    return { type: 'bind', source: this.path(name), options: ['rbind'], idsInside: true };
  }

  /** Whether it is there; if so, it stays for whoever has recorded his need. */
  async holds(name: string): Promise<boolean> {
    using _lock = await this.#lock({ shared: true });
    return await isThere(this.path(name));
  }

  /** What is known of it; null when it is not there. One that was made without a record has the age of its directory. */
  async read(name: string): Promise<VolumeRecord | null> {
    if (!isVolumeName(name)) return null;
    const path = `${this.directory(name)}/volume.json`;
    const json = await readFile(path, 'utf8').catch(ignoringAbsence);
    const record = json === null ? null : parseVolumeRecord(json, path);
    if (record !== null) return record;
    const info = await stat(this.path(name)).catch(ignoringAbsence);
    if (info === null) return null;
    const createdAt = (info.birthtimeMs > 0 ? info.birthtime : info.mtime).toISOString();
    return { version: 1, labels: {}, createdAt, anonymous: /^[0-9a-f]{64}$/.test(name) };
  }

  /**
   * Removes those of the volumes that nothing uses, and what processes that died have left. `findUses` is asked while no
   * need can be missed: it looks at records only, and takes no volume's lock.
   */
  async removeUnused(
    names: readonly string[],
    findUses: () => Promise<VolumeUses>,
  ): Promise<{ readonly removed: readonly string[]; readonly uses: VolumeUses }> {
    const hidden = this.#lastRemoval.then(() => this.#hideUnused(names, findUses));
    this.#lastRemoval = hidden.catch(() => undefined);
    const { dead, ...result } = await hidden;
    for (const entry of dead) await this.#ids.removeTree(`${this.#root}/${entry}`);
    return result;
  }

  /** Removes what processes that died have left half made or half removed. One readdir(2) when there is nothing. */
  async sweep(): Promise<void> {
    const entries = await this.#entries();
    if (entries.some((entry) => entry.startsWith('.'))) await this.removeUnused([], async () => new Map());
  }

  /** One that only the caller knows. */
  async discard(name: string): Promise<void> {
    await this.removeUnused([name], async () => new Map());
  }

  /** The names of all. */
  async list(): Promise<string[]> {
    return (await this.#entries()).filter(isVolumeName).sort();
  }

  /** Bytes on disk; 0 when it is gone. */
  async size(name: string): Promise<number> {
    const usage = await diskUsage(this.path(name), await this.#ids.namespace()).catch(ignoringAbsence);
    return usage?.bytes ?? 0;
  }

  anonymousName(): string {
    return randomId();
  }

  /** Under the shared lock: what is in the making while somebody has the other one is a dead process's. */
  async #make(name: string, record: VolumeRecord, durable: boolean): Promise<boolean> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    const draft = `${this.#root}/.new-${randomId().slice(0, 16)}`;
    await mkdir(draft, { mode: 0o700 });
    await mkdir(`${draft}/_data`);
    await chmod(`${draft}/_data`, 0o755); // whatever the umask here
    await writeFileAtomic(`${draft}/volume.json`, JSON.stringify(record), { mode: 0o600, durable });
    const isTaken = await rename(draft, this.directory(name)).then(() => false, failingIfTaken);
    if (isTaken) {
      await this.#ids.removeTree(draft);
      await mkdir(this.path(name), { recursive: true, mode: 0o755 }); // of an interrupted making of an earlier version
    } else if (durable) await this.#sync();
    return !isTaken;
  }

  async #sync(): Promise<void> {
    const { syncDirectory } = await import('../scratch/index.ts');
    await syncDirectory(this.#root);
    await syncDirectory(`${this.#root}/..`);
  }

  async #hideUnused(names: readonly string[], findUses: () => Promise<VolumeUses>) {
    using _lock = await this.#lock({ shared: false });
    const uses = await findUses();
    const removed: string[] = [];
    for (const name of names) if (!uses.has(name) && (await this.#hide(name))) removed.push(name);
    const dead = (await this.#entries()).filter((entry) => entry.startsWith('.'));
    return { removed, uses, dead };
  }

  /** With one rename it is gone. Whether it was there. */
  async #hide(name: string): Promise<boolean> {
    const dead = `${this.#root}/.removed-${randomId().slice(0, 16)}`;
    return (await rename(this.directory(name), dead).then(() => true, ignoringAbsence)) === true;
  }

  async #entries(): Promise<string[]> {
    return (await readdir(this.#root).catch(ignoringAbsence)) ?? [];
  }

  /** No thread waits in the kernel: the holder needs one of them. */
  async #lock({ shared }: { shared: boolean }): Promise<Disposable> {
    const path = `${this.#root}.lock`;
    const lock: NativeLock =
      (await lockFile(path, { shared, wait: false })) ??
      (await (await import('../scratch/index.ts')).waitForLock(path, { shared }));
    return { [Symbol.dispose]: () => lock.release() };
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoringAbsence)) !== null;
}

/** For `.catch`: null instead of ENOENT, as Node says it or the addon. */
function ignoringAbsence(error: unknown): null {
  if (errnoOf(error) === 'ENOENT') return null;
  throw error;
}

/** Of a rename: somebody has made it meanwhile. */
function failingIfTaken(error: unknown): true {
  if (['ENOTEMPTY', 'EEXIST'].includes(String(errnoOf(error)))) return true;
  throw error;
}

function errnoOf(error: unknown): unknown {
  return error instanceof EngineError ? error.details.errno : (error as NodeJS.ErrnoException).code;
}
