import { mkdir } from 'node:fs/promises';
import { hostIds, type Ids } from '../id-map/index.ts';
import { randomId } from './random-id.ts';

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

  anonymousName(): string {
    return randomId();
  }
}
