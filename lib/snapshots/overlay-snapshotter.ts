import { chmodSync, mkdirSync } from 'node:fs';
import { mkdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyLayer } from '../../bindings/layer.ts';
import { probeErofs } from '../../bindings/probe.ts';
import { EngineError } from '../errors/index.ts';
import { hostIds, type Ids } from '../id-map/index.ts';
import type { ErofsLayer, LayerRef, Mount } from '../mount/index.ts';
import type { Digest } from '../oci/index.ts';
import { createScratch, syncDirectory } from '../scratch/index.ts';
import { holdMounts } from './held-mounts.ts';
import { LayerCommitter, type LayerForm } from './layer-committer.ts';
import { LayerStore, type StoredLayer } from './layer-store.ts';
import type {
  LayerIngest,
  LayerRecord,
  LayerTar,
  LayerVerdict,
  Snapshotter,
  StagedLayer,
} from './snapshotter.ts';

const plainRoot: StoredLayer['root'] = { mode: 0o755, uid: 0, gid: 0 };

/**
 * `root` holds the committed layers (`LayerStore`); `writable` the containers': `<writable>/<key>/{upper,work}`, where
 * `<writable>/<key>` may have other contents that are not touched. Both must be on one file system that overlayfs takes
 * for an upper directory.
 */
export interface SnapshotterOptions {
  readonly root: string;
  readonly writable: string;
  /** Whose the files are. Default: the machine's own ids. */
  readonly ids?: Ids;
}

/** Keeps new layers as directories, for every kernel that has overlayfs. */
export function directorySnapshotter(options: SnapshotterOptions): Snapshotter {
  return new OverlaySnapshotter(options, () => 'directory');
}

/** Keeps new layers as their tars with EROFS indexes: for kernels that mount those (`probeErofs`). */
export function erofsSnapshotter(options: SnapshotterOptions): Snapshotter {
  return new OverlaySnapshotter(options, () => 'erofs');
}

/**
 * Keeps new layers as `layers` says; `auto`: EROFS where this kernel can have it below `root`, which is asked when the
 * first layer comes, else directories. Layers that are there already stay what they are.
 * @throws EngineError, at the first layer, ERR_EROFS_UNAVAILABLE when `erofs` is asked for and cannot be
 */
export function openSnapshotter(
  options: SnapshotterOptions & { readonly layers: LayerForm | 'auto' },
): Snapshotter {
  const { root, layers, ids = hostIds } = options;
  let found: LayerForm | undefined;
  return new OverlaySnapshotter(options, () => {
    found ??= layers === 'directory' ? layers : formFor(root, layers, ids);
    return found;
  });
}

function formFor(root: string, layers: 'erofs' | 'auto', ids: Ids): LayerForm {
  if (layers === 'auto' && ids.userxattr) return 'directory'; // EROFS is not mounted in user namespaces
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const reason = probeErofs(root);
  if (reason === '') return 'erofs';
  if (layers === 'auto') return 'directory';
  throw new EngineError(
    'ERR_EROFS_UNAVAILABLE',
    `layers cannot be kept as EROFS: ${reason}; leave the choice to strake (auto), or ask for directories`,
    { details: { root } },
  );
}

class OverlaySnapshotter implements Snapshotter {
  /** Of new layers. */
  readonly #form: () => LayerForm;
  readonly #root: string;
  readonly #layers: LayerStore;
  readonly #writable: string;
  readonly #committer: LayerCommitter;
  readonly #ids: Ids;

  constructor({ root, writable, ids = hostIds }: SnapshotterOptions, form: () => LayerForm) {
    this.#form = form;
    this.#root = root;
    this.#ids = ids;
    this.#layers = new LayerStore(root, ids);
    this.#writable = writable;
    this.#committer = new LayerCommitter(root, this.#layers, ids);
  }

  get name(): string {
    return this.#form();
  }

  get keepsTars(): boolean {
    return this.#form() === 'erofs';
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

  async tar(chainId: Digest): Promise<LayerTar | null> {
    await this.#layers.get(chainId);
    const layer = this.#layers.ref(chainId);
    return 'tar' in layer ? { path: layer.tar, size: (await stat(layer.tar)).size } : null;
  }

  async ingest(chainId: Digest): Promise<LayerIngest> {
    return this.#committer.ingest(chainId, this.#form());
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
    if (options.volatile) await this.#ids.removeTree(join(this.#writable, key, 'work', 'work', 'incompat'));
    return this.#mountOf(key, layer, options.volatile === true);
  }

  #mountOf(key: string, layer: StoredLayer | null, volatile: boolean): Mount {
    const upper = join(this.#writable, key, 'upper');
    if (layer === null) return { type: 'directory', path: upper };
    const work = join(this.#writable, key, 'work');
    return {
      type: 'overlay',
      lower: holdMounts(this.#refs(layer)),
      upper,
      work,
      ...(volatile && { volatile }),
      ...this.#xattrs(),
    };
  }

  async view(chainId: Digest): Promise<Mount> {
    const lower = this.#refs(await this.#layers.get(chainId));
    const two = lower.length > 1 ? lower : [...lower, await this.#emptyTree()];
    return { type: 'overlay', lower: two, ...this.#xattrs() };
  }

  #xattrs(): { userxattr?: true } {
    return this.#ids.userxattr ? { userxattr: true } : {};
  }

  /** Overlayfs takes no single lower directory without an upper one. */
  async #emptyTree(): Promise<LayerRef> {
    const path = join(this.#root, 'empty');
    await mkdir(path, { recursive: true });
    return { directory: path };
  }

  #refs(layer: StoredLayer): LayerRef[] {
    return [layer.chainId, ...layer.ancestors].map((chainId) => this.#layers.ref(chainId));
  }

  async discard(key: string): Promise<void> {
    const folder = join(this.#writable, key);
    const remove = (name: string) => this.#ids.removeTree(join(folder, name));
    await Promise.all([remove('upper'), remove('work')]);
    await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY') throw error;
    });
  }

  removalsDecided(): Promise<void> {
    return this.#layers.removalsDecided();
  }

  remove(
    chainIds: readonly Digest[],
    options?: { keep?: () => Promise<ReadonlySet<Digest>> },
  ): Promise<Digest[]> {
    return this.#layers.remove(chainIds, options?.keep);
  }

  async verify(
    chainId: Digest,
    again?: (ingest: LayerIngest) => Promise<Omit<StagedLayer, 'parent'>>,
  ): Promise<LayerVerdict> {
    const layer = await this.#layers.get(chainId);
    const ref = this.#layers.ref(chainId);
    if ('tar' in ref) return this.#verifyIndex(layer, ref);
    if (again === undefined) return { state: 'unknown' };
    await using ingest = await this.#committer.ingest(chainId, 'directory');
    return await this.#committer.compare(layer, ref, ingest, await again(ingest));
  }

  async #verifyIndex({ diffId, chainId, ancestors }: StoredLayer, files: ErofsLayer): Promise<LayerVerdict> {
    await using scratch = await createScratch(this.#layers.ingestFolder);
    const lowers = ancestors.map((ancestor) => this.#layers.ref(ancestor));
    const complaint = await verifyLayer({
      ...files,
      diffId,
      chainId,
      lowers,
      scratch: join(scratch.path, 'index'),
    });
    return complaint === null ? { state: 'intact' } : { state: 'corrupt', complaint };
  }

  quarantine(chainId: Digest): Promise<string> {
    return this.#layers.quarantine(chainId);
  }

  emptyQuarantine(): Promise<number> {
    return this.#layers.emptyQuarantine();
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
