import { mkdirSync, statSync } from 'node:fs';
import { open, readdir, readFile, readlink, rename, rm, symlink, unlink } from 'node:fs/promises';
import { lockFile, removeTree, writeFileAtomic } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { hostIds, type Ids } from '../id-map/index.ts';
import { taskState } from '../runtime/index.ts';
import { idPrefixOfName } from './names.ts';
import { type ContainerRecord, parseRecord } from './record.ts';

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

/**
 * The records of all containers below one root, and who has which name. Names are symbolic links NAME -> ID, since
 * symlink(2) is atomic; a generated name is found by the digits of the id in it and is not reserved.
 */
export class ContainerStore {
  readonly #containers: string;
  readonly #names: string;
  readonly #runs: string;
  readonly #ids: Ids;

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
    const dir = `${this.#containers}/${id}`;
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
    const path = this.paths(id).record;
    const json = await readFile(path, 'utf8').catch(ignoring('ENOENT'));
    return json === null || /^\0*$/.test(json) ? null : parseRecord(json, path);
  }

  /** Publishes a record in its existing directory. Durable: it survives a power loss once this returns. */
  async write(record: ContainerRecord, options: { durable: boolean }): Promise<void> {
    const { record: path } = this.paths(record.id);
    await writeFileAtomic(path, JSON.stringify(record), { mode: 0o600, durable: options.durable });
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
      await this.#dropStaleName(name);
    }
    throw nameInUse(name, (await this.#reserved(name)) ?? 'another container');
  }

  async releaseName(name: string, id: string): Promise<void> {
    if ((await this.#reserved(name)) === id) await unlink(`${this.#names}/${name}`).catch(ignoring('ENOENT'));
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
    return (await entriesOf(this.#containers)).filter(isId);
  }

  /** What died in the middle of being made or removed: nobody can name it, and it is not young any more. */
  async sweep(): Promise<void> {
    const [entries, runs] = await Promise.all([entriesOf(this.#containers), entriesOf(this.#runs)]);
    const removed = entries.filter((entry) => entry.startsWith(removedPrefix));
    const known = new Set(entries);
    const stray = [...entries.filter(isId), ...runs.filter((id) => isId(id) && !known.has(id))];
    await Promise.all([
      ...removed.map((entry) => this.#ids.removeTree(`${this.#containers}/${entry}`)),
      ...stray.map((id) => this.#sweepStray(id)),
    ]);
  }

  async #sweepStray(id: string): Promise<void> {
    const { dir, runDir } = this.paths(id);
    if (isYoung(dir) || isYoung(runDir) || (await this.#isRecorded(id))) return;
    if ((await taskState(runDir)).status === 'dead') await this.remove(id);
  }

  /** A record that cannot be read is one: whoever asks for that container is told what is wrong with it. */
  async #isRecorded(id: string): Promise<boolean> {
    const record = await this.read(id).catch((error: unknown) => error);
    return record !== null;
  }

  /** One transition at a time, among all processes. ERR_CONTAINER_NOT_FOUND if it was removed while waiting. */
  async lock(id: string): Promise<Disposable> {
    const { lock: path, record } = this.paths(id);
    const lock = await lockFile(path, { shared: false, wait: true }).catch(ignoring('ENOENT'));
    const exists = lock !== null && (await readFile(record).catch(ignoring('ENOENT'))) !== null;
    if (lock === null || !exists) {
      lock?.release();
      throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${id.slice(0, 12)} has been removed`);
    }
    return { [Symbol.dispose]: () => lock.release() };
  }

  /** The same for one that is being made: who removes it by its name waits until it is whole. */
  async lockNew(id: string): Promise<Disposable> {
    const lock = await lockFile(this.paths(id).lock, { shared: false, wait: true });
    return { [Symbol.dispose]: () => lock?.release() };
  }

  /** The container is gone with one rename; its files follow. */
  async remove(id: string): Promise<void> {
    const { dir, runDir } = this.paths(id);
    const dead = `${this.#containers}/${removedPrefix}${id}`;
    await rename(dir, dead).catch(ignoring('ENOENT'));
    await Promise.all([removeTree(runDir), this.#ids.removeTree(dead)]);
  }

  async #byName(name: string): Promise<string | null> {
    if (!isFileName(name)) return null;
    const reserved = await this.#reserved(name);
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

  async #reserved(name: string): Promise<string | null> {
    return await readlink(`${this.#names}/${name}`).catch(ignoring('ENOENT'));
  }

  /** A name whose container is gone: its process died between the two, or its monitor removed it. */
  async #dropStaleName(name: string): Promise<void> {
    const id = await this.#reserved(name);
    if (id === null) return;
    using taken = await this.#lockName();
    if (taken && (await this.#reserved(name)) === id && !(await this.#isAlive(id))) {
      await rm(`${this.#names}/${name}`, { force: true });
    }
  }

  /** Its directory is made before its name is reserved. */
  async #isAlive(id: string): Promise<boolean> {
    return (await readdir(this.paths(id).dir).catch(ignoring('ENOENT'))) !== null;
  }

  async #lockName(): Promise<Disposable | null> {
    const lock = await lockFile(`${this.#names}/.lock`, { shared: false, wait: true });
    return lock && { [Symbol.dispose]: () => lock.release() };
  }
}

const removedPrefix = '.removed-';

/** Milliseconds that making or removing a container may take. */
const youth = 10 * 60 * 1000;

function isYoung(path: string): boolean {
  const info = statSync(path, { throwIfNoEntry: false });
  return info !== undefined && Date.now() - info.mtimeMs < youth;
}

async function entriesOf(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(ignoring('ENOENT'))) ?? [];
}

function isId(text: string): boolean {
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
