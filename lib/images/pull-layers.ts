import { rm } from 'node:fs/promises';
import type { BlobStore, ContentSource, Partials } from '../content/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { type LayerLimits, unpackLayer } from '../unpack/index.ts';
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
  const slots = new Slots(stores.concurrency);
  const tasks: Promise<void>[] = [];
  for (const [index, layer] of layers.entries()) {
    const place = {
      index,
      parent: layers[index - 1]?.chainId ?? null,
      below: tasks.at(-1) ?? Promise.resolve(),
    };
    const task = new LayerTask(stores, layer, place, { ...pull, signal }, slots).run();
    task.catch((error) => failed.abort(error));
    tasks.push(task);
  }
  await Promise.allSettled(tasks);
  signal.throwIfAborted();
}

interface Place {
  readonly index: number;
  readonly parent: Digest | null;
  /** Settles when the layer below is committed. */
  readonly below: Promise<void>;
}

class LayerTask {
  readonly #stores: LayerStores;
  readonly #layer: ImageLayer;
  readonly #place: Place;
  readonly #pull: LayerPull;
  readonly #slots: Slots;

  constructor(stores: LayerStores, layer: ImageLayer, place: Place, pull: LayerPull, slots: Slots) {
    this.#stores = stores;
    this.#layer = layer;
    this.#place = place;
    this.#pull = pull;
    this.#slots = slots;
  }

  async run(): Promise<void> {
    const { snapshots, partials } = this.#stores;
    const { blob, chainId } = this.#layer;
    // Whoever commits a layer gives up his claim when it is power-loss-safe.
    if ((await snapshots.has(chainId)) && !partials.isClaimed(chainId))
      return this.#report('exists', blob.size);
    this.#report('waiting', 0);
    await using claim = await partials.claim(chainId, blob.digest, { signal: this.#pull.signal });
    if (await snapshots.has(chainId)) return this.#report('exists', blob.size);
    await this.#make(claim.path);
    this.#report('done', blob.size);
  }

  async #make(partial: string): Promise<void> {
    const { blobs, keepCompressed } = this.#stores;
    const slot = await this.#slots.take(this.#pull.signal);
    await using layer = await this.#unpack(partial).finally(() => slot.release());
    await this.#place.below;
    this.#pull.signal.throwIfAborted();
    this.#report('committing', this.#layer.blob.size);
    await layer.commit(this.#place.parent);
    if (keepCompressed) await blobs.adopt(this.#layer.blob, partial);
    else await rm(partial, { force: true });
  }

  #unpack(partial: string) {
    const { blobs, snapshots, limits } = this.#stores;
    const { signal, source } = this.#pull;
    return unpackLayer(this.#layer, {
      source: blobs.has(this.#layer.blob.digest) ? blobs : source,
      snapshotter: snapshots,
      partial,
      limits,
      signal,
      onProgress: (status, received) => this.#report(status, received),
    });
  }

  #report(status: LayerStatus, current: number): void {
    const { digest, size } = this.#layer.blob;
    this.#pull.report({ type: 'layer', digest, index: this.#place.index, status, current, total: size });
  }
}
