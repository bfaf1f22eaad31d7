import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import { removeTree } from '../../bindings/files.ts';
import { type BlobStore, type ContentSource, copyContent, type Partials } from '../content/index.ts';
import { Deferred } from '../deferred/index.ts';
import { isEngineError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { type LayerLimits, type UnpackedLayer, unpackLayer } from '../unpack/index.ts';
import type { ImageLayer } from './image.ts';
import type { LayerStatus, PullProgress } from './pull-progress.ts';
import { Slots } from './slots.ts';

/** What pulling layers takes from the rest of the engine. */
export interface LayerStores {
  readonly blobs: BlobStore;
  readonly partials: Partials;
  readonly snapshots: Snapshotter;
  readonly limits: LayerLimits;
  /** Layers fetched at once. */
  readonly concurrency: number;
  /** Whether compressed layers stay in the blob store. */
  readonly keepCompressed: boolean;
}

export interface LayerPull {
  readonly source: ContentSource;
  readonly signal: AbortSignal;
  readonly report: (progress: PullProgress) => void;
}

/**
 * Makes all layers of an image present: several are fetched and unpacked at once, and committed base first. A layer that
 * another process is at work on is waited for. The first failure stops the others, and is thrown when all have stopped.
 */
export async function pullLayers(
  stores: LayerStores,
  layers: readonly ImageLayer[],
  pull: LayerPull,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([pull.signal, failed.signal]);
  setMaxListeners(0, signal); // every layer listens: Node takes more than ten for a leak, and warns
  const context = { stores, pull: { ...pull, signal }, slots: new Slots(stores.concurrency) };
  const tasks = tasksFor(context, layers);
  const runs = tasks.map((task) => task.run());
  for (const run of runs) run.catch((error) => failed.abort(error));
  await Promise.allSettled(runs);
  signal.throwIfAborted();
}

function tasksFor(context: Context, layers: readonly ImageLayer[]): LayerTask[] {
  const firsts = new Map<Digest, LayerTask>();
  const tasks: LayerTask[] = [];
  for (const [index, layer] of layers.entries()) {
    const { digest } = layer.blob;
    const task = new LayerTask(context, layer, { index, below: tasks.at(-1), twin: firsts.get(digest) });
    if (!firsts.has(digest)) firsts.set(digest, task);
    tasks.push(task);
  }
  return tasks;
}

interface Context {
  readonly stores: LayerStores;
  readonly pull: LayerPull;
  readonly slots: Slots;
}

interface Place {
  readonly index: number;
  readonly below: LayerTask | undefined;
  /** The lowest layer of the same blob. */
  readonly twin: LayerTask | undefined;
}

/** One layer on its way: claimed, fetched and unpacked, staged above the one below, committed. */
class LayerTask {
  readonly layer: ImageLayer;
  /** When others can be staged above it. */
  readonly staged = new Deferred();
  /** When its bytes are verified, or will not be had: `#whole` says which. */
  readonly #fetched = new Deferred();
  /** The file that has all of its bytes, until the layer is committed. */
  #whole: string | undefined;
  readonly #context: Context;
  readonly #place: Place;

  constructor(context: Context, layer: ImageLayer, place: Place) {
    this.#context = context;
    this.layer = layer;
    this.#place = place;
  }

  async run(): Promise<void> {
    try {
      await this.#run();
      this.staged.resolve();
    } catch (error) {
      this.staged.reject(error);
      throw error;
    } finally {
      this.#fetched.resolve();
    }
  }

  async #run(): Promise<void> {
    const { stores, pull } = this.#context;
    const { blob, chainId } = this.layer;
    // Whoever commits a layer gives up his claim when it is power-loss-safe.
    if ((await stores.snapshots.has(chainId)) && !stores.partials.isClaimed(chainId)) return this.#exists();
    this.#report('waiting', 0);
    await using claim = await stores.partials.claim(chainId, blob.digest, { signal: pull.signal });
    if (await stores.snapshots.has(chainId)) {
      await rm(claim.path, { force: true }); // of somebody who died between committing and tidying
      return this.#exists();
    }
    await this.#make(claim.path);
    this.#report('done', blob.size);
  }

  async #make(partial: string): Promise<void> {
    const { stores, pull, slots } = this.#context;
    const { below } = this.#place;
    await this.#takeFromTwin(partial);
    const slot = await slots.take(pull.signal);
    await using layer = await this.#unpack(partial).finally(() => slot.release());
    this.#whole = partial;
    this.#fetched.resolve();
    await below?.staged.promise;
    pull.signal.throwIfAborted();
    await this.#stage(layer, partial);
    this.#report('committing', this.layer.blob.size);
    await layer.commit();
    if (stores.keepCompressed) await this.#keep(partial);
    await removeTree(partial); // a blob's second name is still there: rename(2) leaves it
  }

  /** Bytes that were read where they stand are copied from there. */
  async #keep(partial: string): Promise<void> {
    const { blobs } = this.#context.stores;
    const { blob } = this.layer;
    if (existsSync(partial)) await blobs.adopt(blob, partial);
    else await copyContent(this.#context.pull.source, blobs, blob, this.#context.pull.signal);
  }

  /** Bytes that the lowest layer of the same blob has fetched are not fetched again, unless they are gone already. */
  async #takeFromTwin(partial: string): Promise<void> {
    const { twin } = this.#place;
    if (twin === undefined) return;
    await twin.#fetched.promise;
    if (twin.#whole === undefined) return;
    await rm(partial, { force: true });
    await link(twin.#whole, partial).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  async #stage(layer: UnpackedLayer, partial: string): Promise<void> {
    try {
      await layer.stage(this.#place.below?.layer.chainId ?? null);
    } catch (error) {
      if (isEngineError(error, 'ERR_LAYER_CORRUPT')) await rm(partial, { force: true });
      throw error;
    }
    this.staged.resolve();
  }

  #unpack(partial: string): Promise<UnpackedLayer> {
    const { blobs, snapshots, limits } = this.#context.stores;
    const { signal, source } = this.#context.pull;
    return unpackLayer(this.layer, {
      source: blobs.has(this.layer.blob.digest) ? blobs : source,
      snapshotter: snapshots,
      partial,
      limits,
      signal,
      onProgress: (status, received) => this.#report(status, received),
    });
  }

  /** The layer is here, but maybe from a blob of other bytes, or from a time when none was kept. */
  async #exists(): Promise<void> {
    const { stores, pull, slots } = this.#context;
    const { blob } = this.layer;
    if (stores.keepCompressed && !stores.blobs.has(blob.digest)) {
      const slot = await slots.take(pull.signal);
      await this.#fetchBlob().finally(() => slot.release());
    }
    this.#report('exists', blob.size);
  }

  async #fetchBlob(): Promise<void> {
    const { stores, pull } = this.#context;
    const { blob } = this.layer;
    this.#report('downloading', 0);
    await stores.blobs.put(blob, await pull.source.fetch(blob, { signal: pull.signal }), {
      signal: pull.signal,
    });
  }

  #report(status: LayerStatus, current: number): void {
    const { digest, size } = this.layer.blob;
    this.#context.pull.report({
      type: 'layer',
      digest,
      index: this.#place.index,
      status,
      current,
      total: size,
    });
  }
}
