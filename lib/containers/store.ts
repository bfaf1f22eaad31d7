import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync } from 'node:fs';
import { open, readdir, rename, rm, symlink, unlink } from 'node:fs/promises';
import { lockFile, removeTree, writeFileAtomic } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { hostIds, type Ids } from '../id-map/index.ts';
import { draftName, livingDrafts } from './drafts.ts';
import { idPrefixOfName } from './names.ts';
import { type ContainerRecord, parseRecord } from './record.ts';
import { RecordCache } from './record-cache.ts';

/** Where the files of one container are. */
export interface ContainerPaths {
  /** ROOT/containers/ID: what survives a reboot. */
  readonly dir: string;
  readonly record: string;
  /** Written by the monitor at the end. */
  readonly exit: string;
  /** Made at each start: with it, a container without any task was running when the machine went down. */
  readonly started: string;
  /** Made by whoever stops it: its restart policy is then at rest. */
  readonly stopped: string;
  readonly log: string;
  readonly upper: string;
  readonly work: string;
  /** Held for a transition. */
  readonly lock: string;
  /** RUN/containers/ID: bundle, sockets, the monitor's lock. */
  readonly runDir: string;
  /** Made when paused. */
  readonly paused: string;
}

/** Where a container is made, before it is one. */
export interface DraftPaths extends Pick<ContainerPaths, 'dir' | 'record' | 'upper' | 'work'> {
  /** The directory's name, by which the snapshotter knows it. */
  readonly key: string;
}

/**
 * The records of all containers below one root, and who has which name. Names are symbolic links NAME -> ID, since
 * symlink(2) is atomic; a generated name is found by the digits of the id in it and is not reserved.
 */
export class ContainerStore {
  readonly #containers: string;
  readonly #names: string;
  readonly #runs: string;
  readonly #ids: Ids;
  readonly #records = new RecordCache(readRecord);

  constructor(root: string, runDir: string, ids: Ids = hostIds) {
    this.#ids = ids;
    this.#containers = `${root}/containers`;
    this.#names = `${root}/names`;
    this.#runs = `${runDir}/containers`;
  }

  /** Makes the directories that hold the containers; existing ones are fine. */
  prepare(): void {
    for (const path of [this.#containers, this.#names, this.#runs])
      mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  paths(id: string): ContainerPaths {
    return this.#pathsIn(id, `${this.#containers}/${id}`);
  }

  /** For `write` and `publish`: where this process makes it. */
  draft(id: string): DraftPaths {
    const key = draftName(id);
    return { ...this.#pathsIn(id, `${this.#containers}/${key}`), key };
  }

  #pathsIn(id: string, dir: string): ContainerPaths {
    const runDir = `${this.#runs}/${id}`;
    return {
      dir,
      record: `${dir}/record.json`,
      exit: `${dir}/exit.json`,
      started: `${dir}/started`,
      stopped: `${dir}/stopped`,
      log: `${dir}/container.log`,
      upper: `${dir}/upper`,
      work: `${dir}/work`,
      lock: `${dir}/lock`,
      runDir,
      paused: `${runDir}/paused`,
    };
  }

  /** The link that reserves a name. */
  namePath(name: string): string {
    return `${this.#names}/${name}`;
  }

  /**
   * The record, or null when there is no such container (any more). A record without content is none: what a power loss
   * left of a container that was to be removed at its end, whose record is therefore written without a sync.
   */
  async read(id: string): Promise<ContainerRecord | null> {
    return this.#records.read(this.paths(id).record);
  }

  /** Whether its record is as this process has read it, and so has content: cheaper than to read it. */
  isKnown(id: string): boolean {
    return this.#records.has(this.paths(id).record);
  }

  /** The records of those that living processes are making: what they need is needed. */
  async drafts(): Promise<ContainerRecord[]> {
    const paths = livingDrafts(await this.entries()).map(
      ({ name }) => `${this.#containers}/${name}/record.json`,
    );
    return paths.map(readRecord).filter((record) => record !== null);
  }

  /**
   * Writes the record anew; its lock is held. Durable: it survives a power loss once this returns. It is written beside
   * the containers, where a sweep sees what a crash leaves.
   */
  async write(record: ContainerRecord): Promise<void> {
    const { dir, record: path } = this.paths(record.id);
    const draft = `${this.#containers}/${recordDraftPrefix}${record.id}`;
    await writeFileAtomic(draft, JSON.stringify(record), { mode: 0o600, durable: true });
    await rename(draft, path);
    await syncDirectory(dir);
  }

  /** Writes the record of one that is being made. */
  async writeDraft(record: ContainerRecord, options: { durable: boolean }): Promise<void> {
    const { record: path } = this.draft(record.id);
    await writeFileAtomic(path, JSON.stringify(record), { mode: 0o600, ...options });
  }

  /** What was made is a container from now on. Durable: it survives a power loss once this returns. */
  async publish(id: string, options: { durable: boolean }): Promise<void> {
    renameSync(this.draft(id).dir, this.paths(id).dir); // `node:fs/promises` takes a command line milliseconds to load
    if (options.durable) await syncDirectory(this.#containers);
  }

  /** ERR_CONTAINER_NAME_IN_USE, whoever in whatever process has it. */
  async reserveName(name: string, id: string): Promise<void> {
    const prefix = idPrefixOfName(name);
    const holder = prefix === undefined ? null : await this.#byGeneratedName(name, prefix);
    if (holder !== null) throw nameInUse(name, holder);
    for (let attempt = 0; attempt < 3; attempt++) {
      const taken = await symlink(id, `${this.#names}/${name}`).catch(failing('EEXIST'));
      if (!taken) return;
      await this.dropStaleName(name);
    }
    throw nameInUse(name, (await this.holderOf(name)) ?? 'another container');
  }

  async releaseName(name: string, id: string): Promise<void> {
    if ((await this.holderOf(name)) === id) await unlink(`${this.#names}/${name}`).catch(ignoring('ENOENT'));
  }

  /** The full id of a container by its name, id, or unique beginning of its id. */
  async find(nameOrId: string): Promise<string> {
    const found = (await this.#byName(nameOrId)) ?? (await this.#byPrefix(nameOrId));
    if (found !== null) return found;
    throw new EngineError(
      'ERR_CONTAINER_NOT_FOUND',
      `there is no container ${JSON.stringify(nameOrId).slice(1, -1).slice(0, 100) || '""'}: \`strake ps -a\` lists those that are`,
      {
        details: { container: nameOrId },
      },
    );
  }

  async ids(): Promise<string[]> {
    const ids = (await this.entries()).filter(isId);
    this.#records.retain(new Set(ids.map((id) => this.paths(id).record)));
    return ids;
  }

  /** All that is in the directory of containers: ids, drafts, and what is being removed. */
  async entries(): Promise<string[]> {
    return await entriesOf(this.#containers);
  }

  /** The ids of the run directories that are there. */
  async runs(): Promise<string[]> {
    return (await entriesOf(this.#runs)).filter(isId);
  }

  /** All names that are reserved. */
  async names(): Promise<string[]> {
    return (await entriesOf(this.#names)).filter(isFileName);
  }

  /** Of an entry. */
  entryPath(entry: string): string {
    return `${this.#containers}/${entry}`;
  }

  /** One transition at a time, among all processes. ERR_CONTAINER_NOT_FOUND if it was removed while waiting. */
  async lock(id: string): Promise<Disposable> {
    const { lock: path, record } = this.paths(id);
    const lock = await lockFile(path, { shared: false, wait: true }).catch(ignoring('ENOENT'));
    const exists = lock !== null && existsSync(record);
    if (lock === null || !exists) {
      lock?.release();
      throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${id.slice(0, 12)} has been removed`);
    }
    return { [Symbol.dispose]: () => lock.release() };
  }

  /**
   * With one rename the container is gone. What it is called now says what is still to be done, by this process or whoever
   * finds it: to remove its anonymous volumes, and its files.
   */
  async hide(id: string, options: { volumes: boolean }): Promise<string> {
    const entry = `${options.volumes ? removedWithVolumesPrefix : removedPrefix}${id}`;
    await rename(this.paths(id).dir, this.entryPath(entry)).catch(ignoring('ENOENT'));
    return entry;
  }

  /** Removes the files of what is hidden, of a draft, or of a run directory without a container. Absent is no error. */
  async bury(id: string, entry: string): Promise<void> {
    await Promise.all([removeTree(this.paths(id).runDir), this.#ids.removeTree(this.entryPath(entry))]);
  }

  async #byName(name: string): Promise<string | null> {
    if (!isFileName(name)) return null;
    const reserved = await this.holderOf(name);
    if (reserved !== null && (await this.read(reserved)) !== null) return reserved;
    const prefix = idPrefixOfName(name);
    return prefix === undefined ? null : this.#byGeneratedName(name, prefix);
  }

  async #byGeneratedName(name: string, prefix: string): Promise<string | null> {
    for (const id of await this.ids()) {
      if (id.startsWith(prefix) && (await this.read(id))?.name === name) return id;
    }
    return null;
  }

  async #byPrefix(prefix: string): Promise<string | null> {
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return null;
    if (isId(prefix)) return (await this.read(prefix)) === null ? null : prefix;
    const found = (await this.ids()).filter((id) => id.startsWith(prefix));
    if (found.length > 1) {
      throw new EngineError(
        'ERR_CONTAINER_AMBIGUOUS',
        `${prefix} begins the ids of ${found.length} containers: give more digits`,
        {
          details: { ids: found },
        },
      );
    }
    return found[0] ?? null;
  }

  /** Whose a name is. Synchronous in all but its form: who lists asks for each, and a turn through libuv's pool takes longer. */
  async holderOf(name: string): Promise<string | null> {
    try {
      return readlinkSync(`${this.#names}/${name}`);
    } catch (error) {
      return ignoring('ENOENT')(error);
    }
  }

  /** Frees a name whose container is gone: its process died between the two, or its monitor removed it. */
  async dropStaleName(name: string): Promise<void> {
    const id = await this.holderOf(name);
    if (id === null) return;
    using taken = await this.#lockName();
    if (taken && (await this.holderOf(name)) === id && !(await this.#isAlive(id))) {
      await rm(`${this.#names}/${name}`, { force: true });
    }
  }

  /** Whether it is there, whatever is known of it. */
  exists(id: string): boolean {
    return existsSync(this.paths(id).dir);
  }

  /** Its directory is made before its name is reserved. It may become a container between two looks. */
  async #isAlive(id: string): Promise<boolean> {
    return (
      existsSync(this.paths(id).dir) ||
      livingDrafts(await this.entries()).some((draft) => draft.id === id) ||
      existsSync(this.paths(id).dir)
    );
  }

  async #lockName(): Promise<Disposable | null> {
    const lock = await lockFile(`${this.#names}/.lock`, { shared: false, wait: true });
    return lock && { [Symbol.dispose]: () => lock.release() };
  }
}

/** Where the last end is while a start is under way: whoever looks must not take it for this run's. */
export function previousExit({ exit }: Pick<ContainerPaths, 'exit'>): string {
  return `${exit}.previous`;
}

const removedPrefix = '.removed-';
const removedWithVolumesPrefix = '.removed-volumes-';
const recordDraftPrefix = '.record-';

/** Of an entry that a removal has left: whose it was, and whether its volumes go as well. */
export function parseRemoved(entry: string): { readonly id: string; readonly volumes: boolean } | undefined {
  const [, volumes, id] = /^\.removed-(volumes-)?([0-9a-f]{64})$/.exec(entry) ?? [];
  return id === undefined ? undefined : { id, volumes: volumes !== undefined };
}

/** Of a record that was being written. */
export function parseRecordDraft(entry: string): string | undefined {
  return /^\.record-([0-9a-f]{64})(\..{6})?$/.exec(entry)?.[1];
}

/** Synchronous: `ps` reads hundreds, and a turn through libuv's pool takes longer than a read. */
function readRecord(path: string): ContainerRecord | null {
  const json = readText(path);
  return json === null || /^\0*$/.test(json) ? null : parseRecord(json, path);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return ignoring('ENOENT')(error);
  }
}

async function entriesOf(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(ignoring('ENOENT'))) ?? [];
}

/** Whether it has the form of a container's id. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function isFileName(text: string): boolean {
  return (
    text !== '' && text.length <= 255 && !text.includes('/') && !text.includes('\0') && !text.startsWith('.')
  );
}

function nameInUse(name: string, id: string): EngineError {
  return new EngineError(
    'ERR_CONTAINER_NAME_IN_USE',
    `the name ${name} is in use by container ${id.slice(0, 12)}: remove or rename that one, or choose another name`,
    { details: { name, id } },
  );
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

/** For `.catch`: null instead of that error. */
export function ignoring(code: string): (error: unknown) => null {
  return (error) => {
    if (errnoOf(error) === code) return null;
    throw error;
  };
}

/** For `.catch`: true instead of that error. */
function failing(code: string): (error: unknown) => true {
  return (error) => {
    if (errnoOf(error) === code) return true;
    throw error;
  };
}

/** "ENOENT": Node's own errors have it as their code, those of the addon in their details. */
function errnoOf(error: unknown): unknown {
  return error instanceof EngineError ? error.details.errno : (error as NodeJS.ErrnoException).code;
}
