import { chmodSync, mkdirSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors/index.ts';
import { hostIds, type Ids } from '../id-map/index.ts';
import type { Mount } from '../mount/index.ts';
import type { Digest } from '../oci/index.ts';
import { syncDirectory } from '../scratch/index.ts';
import { LayerCommitter } from './layer-committer.ts';
import { LayerStore, type StoredLayer } from './layer-store.ts';
import type { LayerIngest, LayerRecord, Snapshotter } from './snapshotter.ts';

const plainRoot: StoredLayer['root'] = { mode: 0o755, uid: 0, gid: 0 };

/**
 * Layers as directories, for every kernel that has overlayfs. `root` holds the committed layers (`LayerStore`);
 * `writable` the containers': `<writable>/<key>/{upper,work}`, where `<writable>/<key>` may have other contents that are
 * not touched. Both must be on one file system that overlayfs takes for an upper directory.
 */
export function directorySnapshotter(options: {
  root: string;
  writable: string;
  /** Whose the files are. Default: the machine's own ids. */
  ids?: Ids;
}): Snapshotter {
  return new DirectorySnapshotter(options.root, options.writable, options.ids ?? hostIds);
}

class DirectorySnapshotter implements Snapshotter {
  readonly name = 'directory';
  readonly #root: string;
  readonly #layers: LayerStore;
  readonly #writable: string;
  readonly #committer: LayerCommitter;
  readonly #ids: Ids;

  constructor(root: string, writable: string, ids: Ids) {
    this.#root = root;
    this.#ids = ids;
    this.#layers = new LayerStore(root, ids);
    this.#writable = writable;
    this.#committer = new LayerCommitter(root, this.#layers, ids);
  }

  async has(chainId: Digest): Promise<boolean> {
    return this.#layers.has(chainId);
  }

  stat(chainId: Digest): Promise<LayerRecord> {
    return this.#layers.get(chainId);
  }

  list(): Promise<LayerRecord[]> {
    return this.#layers.list();
  }

  ingest(chainId: Digest): Promise<LayerIngest> {
    return this.#committer.ingest(chainId);
  }

  async prepare(key: string, chainId: Digest | null, options: { volatile?: boolean } = {}): Promise<Mount> {
    const layer = chainId === null ? null : await this.#layers.get(chainId);
    const root = layer?.root ?? plainRoot;
    const upper = this.#makeWritable(key, root);
    if (root.uid !== 0 || root.gid !== 0) await this.#ids.setOwner(upper, root);
    if (!options.volatile) await syncDirectory(join(this.#writable, key));
    return this.#mountOf(key, layer, options.volatile === true);
  }

  /** Synchronous: two or three mkdir(2) take less than one turn through libuv's pool, and a start waits for them. */
  #makeWritable(key: string, root: StoredLayer['root']): string {
    const upper = join(this.#writable, key, 'upper');
    const make = () => mkdirSync(upper, { mode: 0o700 });
    try {
      make();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw exists(key, error);
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(join(this.#writable, key), { recursive: true, mode: 0o700 });
      make();
    }
    mkdirSync(join(this.#writable, key, 'work'), { mode: 0o700 });
    chmodSync(upper, root.mode); // while it is ours
    return upper;
  }

  async mount(key: string, chainId: Digest | null, options: { volatile?: boolean } = {}): Promise<Mount> {
    const layer = chainId === null ? null : await this.#layers.get(chainId);
    // Overlayfs refuses a work directory that a volatile mount has used, since it may have lost data in a crash of the
    // machine (Documentation/filesystems/overlayfs.rst, "Volatile mount"). Whoever mounts volatile again accepts that.
    if (options.volatile) await this.#ids.removeTree(join(this.#writable, key, 'work/work/incompat'));
    return this.#mountOf(key, layer, options.volatile === true);
  }

  #mountOf(key: string, layer: StoredLayer | null, volatile: boolean): Mount {
    const upper = join(this.#writable, key, 'upper');
    if (layer === null) return { type: 'directory', path: upper };
    const work = join(this.#writable, key, 'work');
    return {
      type: 'overlay',
      lower: this.#trees(layer),
      upper,
      work,
      ...(volatile && { volatile }),
      ...this.#xattrs(),
    };
  }

  async view(chainId: Digest): Promise<Mount> {
    const lower = this.#trees(await this.#layers.get(chainId));
    const two = lower.length > 1 ? lower : [...lower, await this.#emptyTree()];
    return { type: 'overlay', lower: two, ...this.#xattrs() };
  }

  #xattrs(): { userxattr?: true } {
    return this.#ids.map === null ? {} : { userxattr: true };
  }

  /** Overlayfs takes no single lower directory without an upper one. */
  async #emptyTree(): Promise<string> {
    const path = join(this.#root, 'empty');
    await mkdir(path, { recursive: true });
    return path;
  }

  #trees(layer: StoredLayer): string[] {
    return [layer.chainId, ...layer.ancestors].map((chainId) => this.#layers.tree(chainId));
  }

  async discard(key: string): Promise<void> {
    const folder = join(this.#writable, key);
    const remove = (name: string) => this.#ids.removeTree(join(folder, name));
    await Promise.all([remove('upper'), remove('work')]);
    await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY') throw error;
    });
  }

  remove(
    chainIds: readonly Digest[],
    options?: { keep?: () => Promise<ReadonlySet<Digest>> },
  ): Promise<Digest[]> {
    return this.#layers.remove(chainIds, options?.keep);
  }

  sweep(): Promise<void> {
    return this.#layers.sweep();
  }
}

function exists(key: string, cause: unknown): EngineError {
  return new EngineError(
    'ERR_SNAPSHOT_EXISTS',
    `${key} has a writable layer already: remove the container that owns it, or choose another id`,
    { cause, details: { key } },
  );
}
