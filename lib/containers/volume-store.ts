import { mkdir, readdir } from 'node:fs/promises';
import { diskUsage } from '../../bindings/files.ts';
import { hostIds, type Ids } from '../id-map/index.ts';
import { randomId } from './random-id.ts';
import { ignoring } from './store.ts';

/** Directories that outlive containers: ROOT/volumes/NAME/_data. */
export class VolumeStore {
  readonly #root: string;
  readonly #ids: Ids;

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
  async ensure(name: string): Promise<boolean> {
    const made = await mkdir(this.directory(name), { recursive: true, mode: 0o700 });
    await mkdir(this.path(name), { recursive: true, mode: 0o755 });
    return made !== undefined;
  }

  async remove(name: string): Promise<void> {
    await this.#ids.removeTree(this.directory(name));
  }

  /** The names of all. */
  async list(): Promise<string[]> {
    const names = await readdir(this.#root).catch(ignoring('ENOENT'));
    return (names ?? []).sort();
  }

  /** Bytes on disk; 0 when it is gone. */
  async size(name: string): Promise<number> {
    const usage = await diskUsage(this.directory(name), await this.#ids.namespace()).catch(
      ignoring('ENOENT'),
    );
    return usage?.bytes ?? 0;
  }

  anonymousName(): string {
    return randomId();
  }
}
