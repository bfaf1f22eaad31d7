import { chmod, mkdir, open, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesFreed, syncFileSystem } from '../../bindings/files.ts';
import {
  compareTrees,
  completeLayer,
  type LayerTarget,
  type NativeLayerIndex,
  writeIndex,
} from '../../bindings/layer.ts';
import type { NativeUserNamespace } from '../../bindings/user-namespace.ts';
import { Deferred } from '../deferred/index.ts';
import { EngineError } from '../errors/index.ts';
import type { Ids } from '../id-map/index.ts';
import type { DirectoryLayer, ErofsLayer, LayerRef } from '../mount/index.ts';
import { type Digest, digestOf } from '../oci/index.ts';
import { createScratch, type Scratch, syncDirectory } from '../scratch/index.ts';
import { holdMount } from './held-mounts.ts';
import { type LayerStore, layerIn, type StoredLayer } from './layer-store.ts';
import { serialRun, sharedRun } from './runs.ts';
import type { LayerIngest, LayerVerdict, StagedLayer } from './snapshotter.ts';

/** So many layers are mounted anew for each that comes upon them, if need be. */
const lowStack = 8;

/** What a new layer is kept as. */
export type LayerForm = 'directory' | 'erofs';

/** A layer that is complete and in its place, but has no name yet. */
interface Staged {
  /** Where it is. */
  readonly folder: string;
  readonly ancestors: readonly Digest[];
  /** Fulfilled when it has its name, rejected when it was given up. */
  readonly named: Promise<void>;
}

/** What a layer takes on the disk (bytes), and its root directory. */
type Completed = Pick<StoredLayer, 'size' | 'root'>;

/**
 * Brings layers into the store. Those that finish together, because the lowest of them came last, are staged one above
 * the other, share one syncfs(2) if they are directories, and get their names base first.
 */
export class LayerCommitter {
  readonly layers: LayerStore;
  readonly syncData: () => Promise<void>;
  /** Nothing is renamed while a layer is read by its path. */
  readonly serially = serialRun();
  readonly #staged = new Map<Digest, Staged>();

  readonly ids: Ids;

  constructor(root: string, layers: LayerStore, ids: Ids) {
    this.layers = layers;
    this.ids = ids;
    this.syncData = sharedRun(() => syncFileSystem(root));
  }

  /** See Snapshotter.ingest. */
  async ingest(chainId: Digest, form: LayerForm): Promise<LayerIngest> {
    await bytesFreed(); // of layers that have just been removed: a full disk has room then
    const userNamespace = await this.ids.namespace();
    const scratch = await createScratch(this.layers.ingestFolder, this.ids.removeTree);
    if (form === 'erofs')
      return new Ingest(this, chainId, scratch, {
        target: { tar: join(scratch.path, 'tar') },
        userNamespace,
      });
    const directory = join(scratch.path, 'fs');
    await mkdir(directory);
    await chmod(directory, 0o755);
    return new Ingest(this, chainId, scratch, { target: { directory }, userNamespace });
  }

  /** How a committed directory differs from the same layer that was unpacked into another one. */
  async compare(
    layer: StoredLayer,
    { directory }: DirectoryLayer,
    unpacked: LayerIngest,
    { gaps }: Pick<StagedLayer, 'gaps'>,
  ): Promise<LayerVerdict> {
    const { target, userNamespace } = unpacked;
    if (!('directory' in target)) throw new TypeError('a directory is compared with a directory');
    const lowers = layer.ancestors.map((ancestor) => this.layers.ref(ancestor));
    await completeLayer(target.directory, lowers, gaps, userNamespace);
    const difference = await compareTrees(target.directory, directory, gaps.implied, userNamespace);
    if (difference === null) return { state: 'intact' };
    return { state: 'corrupt', complaint: `${difference.path} differs: ${difference.what}` };
  }

  staged(chainId: Digest): Staged | undefined {
    return this.#staged.get(chainId);
  }

  setStaged(chainId: Digest, staged: Staged): void {
    this.#staged.set(chainId, staged);
  }

  forget(chainId: Digest, folder: string): void {
    if (this.#staged.get(chainId)?.folder === folder) this.#staged.delete(chainId);
  }

  /** The layers below a layer above `parent`, top first. ERR_LAYER_NOT_FOUND. */
  async ancestorsAbove(parent: Digest | null): Promise<Digest[]> {
    if (parent === null) return [];
    const { ancestors } = this.#staged.get(parent) ?? (await this.layers.get(parent));
    return [parent, ...ancestors];
  }

  /** Of a low stack few layers are looked into, and mounted for it; of a high one each would be for every layer above. */
  refs(chainIds: readonly Digest[]): LayerRef[] {
    const isHigh = chainIds.length > lowStack;
    return chainIds.map((chainId) => {
      const staged = this.#staged.get(chainId);
      if (staged !== undefined) return layerIn(staged.folder);
      const layer = this.layers.ref(chainId);
      return isHigh ? holdMount(layer) : layer;
    });
  }
}

class Ingest implements LayerIngest {
  readonly target: LayerTarget;
  readonly userNamespace: NativeUserNamespace | null;
  readonly #committer: LayerCommitter;
  readonly #chainId: Digest;
  readonly #scratch: Scratch;
  readonly #named = new Deferred();
  #parentNamed: Promise<void> | undefined;

  constructor(
    committer: LayerCommitter,
    chainId: Digest,
    scratch: Scratch,
    { target, userNamespace }: Pick<LayerIngest, 'target' | 'userNamespace'>,
  ) {
    this.target = target;
    this.userNamespace = userNamespace;
    this.#committer = committer;
    this.#chainId = chainId;
    this.#scratch = scratch;
  }

  async stage(layer: StagedLayer): Promise<void> {
    checkName(this.#chainId, layer);
    await this.#committer.serially(() => this.#place(layer));
  }

  async #place(layer: StagedLayer): Promise<void> {
    const { parent, diffId } = layer;
    this.#parentNamed = parent === null ? undefined : this.#committer.staged(parent)?.named;
    const ancestors = await this.#committer.ancestorsAbove(parent);
    const completed = await this.#complete(layer, this.#committer.refs(ancestors));
    const [chainId, createdAt] = [this.#chainId, new Date().toISOString()];
    const record: StoredLayer = { chainId, diffId, parent, ancestors, ...completed, createdAt };
    await writeFile(join(this.#scratch.path, 'layer.json'), JSON.stringify(record));
    this.#committer.setStaged(chainId, {
      folder: this.#scratch.path,
      ancestors,
      named: this.#named.promise,
    });
  }

  #complete(layer: StagedLayer, lowers: readonly LayerRef[]): Promise<Completed> {
    const { target } = this;
    if ('directory' in target) return this.#completeDirectory(target.directory, layer, lowers);
    if (layer.index === null) throw new TypeError('a tar comes with its index');
    const files = { index: join(this.#scratch.path, 'index.erofs'), tar: target.tar };
    return completeIndex(files, layer.index, { diffId: layer.diffId, chainId: this.#chainId, lowers });
  }

  async #completeDirectory(
    directory: string,
    { bytes, gaps }: StagedLayer,
    lowers: readonly LayerRef[],
  ): Promise<Completed> {
    const size = bytes + (await completeLayer(directory, lowers, gaps, this.userNamespace));
    const info = await stat(directory);
    return { size, root: { mode: info.mode & 0o7777, ...this.#committer.ids.inside(info) } };
  }

  async commit(): Promise<void> {
    const { layers } = this.#committer;
    await ('directory' in this.target ? this.#committer.syncData() : syncIndex(this.#scratch.path));
    await this.#parentNamed;
    await this.#committer.serially(async () => {
      await layers.publish(this.#chainId, this.#scratch.path);
      this.#committer.forget(this.#chainId, this.#scratch.path);
    });
    this.#named.resolve();
    await layers.syncNames();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#named.reject(givenUp(this.#chainId));
    this.#committer.forget(this.#chainId, this.#scratch.path);
    await this.#scratch[Symbol.asyncDispose]();
  }
}

async function completeIndex(
  files: ErofsLayer,
  index: NativeLayerIndex,
  above: { readonly diffId: Digest; readonly chainId: Digest; readonly lowers: readonly LayerRef[] },
): Promise<Completed> {
  const [written, tar] = await Promise.all([writeIndex(index, { ...files, ...above }), stat(files.tar)]);
  return { size: written.size + tar.size, root: written.root };
}

/** The tar is on the disk already; what was written since, and the names of all, follow it. */
async function syncIndex(folder: string): Promise<void> {
  await Promise.all(['index.erofs', 'layer.json'].map((name) => syncFile(join(folder, name))));
  await syncDirectory(folder);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

function checkName(chainId: Digest, { parent, diffId }: StagedLayer): void {
  if (chainId === (parent === null ? diffId : digestOf(`${parent} ${diffId}`))) return;
  throw new EngineError('ERR_INVALID_ARGUMENT', `${diffId} above ${parent} is not the layer ${chainId}`);
}

function givenUp(chainId: Digest): EngineError {
  return new EngineError('ERR_LAYER_NOT_FOUND', `layer ${chainId} was given up before it was complete`);
}
