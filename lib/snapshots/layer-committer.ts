import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem } from '../../bindings/files.ts';
import { completeLayer } from '../../bindings/layer.ts';
import type { NativeUserNamespace } from '../../bindings/user-namespace.ts';
import { Deferred } from '../deferred/index.ts';
import { EngineError } from '../errors/index.ts';
import type { Ids } from '../id-map/index.ts';
import { type Digest, digestOf } from '../oci/index.ts';
import { createScratch, type Scratch } from '../scratch/index.ts';
import type { LayerStore, StoredLayer } from './layer-store.ts';
import { serialRun, sharedRun } from './runs.ts';
import type { LayerIngest, StagedLayer } from './snapshotter.ts';

/** A layer that is complete and in its place, but has no name yet. */
interface Staged {
  readonly tree: string;
  readonly ancestors: readonly Digest[];
  /** Fulfilled when it has its name, rejected when it was given up. */
  readonly named: Promise<void>;
}

/**
 * Brings layers into the store. Those that finish together, because the lowest of them came last, are staged one above
 * the other, share one syncfs(2), and get their names base first.
 */
export class LayerCommitter {
  readonly layers: LayerStore;
  readonly syncData: () => Promise<void>;
  /** Nothing is renamed while a tree is read by its path. */
  readonly serially = serialRun();
  readonly #staged = new Map<Digest, Staged>();

  readonly ids: Ids;

  constructor(root: string, layers: LayerStore, ids: Ids) {
    this.layers = layers;
    this.ids = ids;
    this.syncData = sharedRun(() => syncFileSystem(root));
  }

  /** See Snapshotter.ingest. */
  async ingest(chainId: Digest): Promise<LayerIngest> {
    const userNamespace = await this.ids.namespace();
    const scratch = await createScratch(this.layers.ingestFolder, this.ids.removeTree);
    const target = join(scratch.path, 'fs');
    await mkdir(target);
    await chmod(target, 0o755);
    return new Ingest(this, chainId, scratch, { target, userNamespace });
  }

  staged(chainId: Digest): Staged | undefined {
    return this.#staged.get(chainId);
  }

  setStaged(chainId: Digest, staged: Staged): void {
    this.#staged.set(chainId, staged);
  }

  forget(chainId: Digest, tree: string): void {
    if (this.#staged.get(chainId)?.tree === tree) this.#staged.delete(chainId);
  }

  /** The layers below a layer above `parent`, top first. ERR_LAYER_NOT_FOUND. */
  async ancestorsAbove(parent: Digest | null): Promise<Digest[]> {
    if (parent === null) return [];
    const { ancestors } = this.#staged.get(parent) ?? (await this.layers.get(parent));
    return [parent, ...ancestors];
  }

  treeOf(chainId: Digest): string {
    return this.#staged.get(chainId)?.tree ?? this.layers.tree(chainId);
  }
}

class Ingest implements LayerIngest {
  readonly target: string;
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

  async #place({ parent, diffId, gaps, bytes }: StagedLayer): Promise<void> {
    const { target } = this;
    const chainId = this.#chainId;
    this.#parentNamed = parent === null ? undefined : this.#committer.staged(parent)?.named;
    const ancestors = await this.#committer.ancestorsAbove(parent);
    const lowers = ancestors.map((ancestor) => this.#committer.treeOf(ancestor));
    const size = bytes + (await completeLayer(target, lowers, gaps, this.userNamespace));
    const [root, createdAt] = [await this.#root(), new Date().toISOString()];
    const record: StoredLayer = { chainId, diffId, parent, ancestors, size, createdAt, root };
    await writeFile(join(this.#scratch.path, 'layer.json'), JSON.stringify(record));
    this.#committer.setStaged(chainId, { tree: target, ancestors, named: this.#named.promise });
  }

  async #root(): Promise<StoredLayer['root']> {
    const info = await stat(this.target);
    return { mode: info.mode & 0o7777, ...this.#committer.ids.inside(info) };
  }

  async commit(): Promise<void> {
    const { layers } = this.#committer;
    await this.#committer.syncData();
    await this.#parentNamed;
    await this.#committer.serially(async () => {
      await layers.publish(this.#chainId, this.#scratch.path);
      this.#committer.forget(this.#chainId, this.target);
    });
    this.#named.resolve();
    await layers.syncNames();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#named.reject(givenUp(this.#chainId));
    this.#committer.forget(this.#chainId, this.target);
    await this.#scratch[Symbol.asyncDispose]();
  }
}

function checkName(chainId: Digest, { parent, diffId }: StagedLayer): void {
  if (chainId === (parent === null ? diffId : digestOf(`${parent} ${diffId}`))) return;
  throw new EngineError('ERR_INVALID_ARGUMENT', `${diffId} above ${parent} is not the layer ${chainId}`);
}

function givenUp(chainId: Digest): EngineError {
  return new EngineError('ERR_LAYER_NOT_FOUND', `layer ${chainId} was given up before it was complete`);
}
