import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { diskUsage, isLocked } from '../../bindings/files.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { Ids } from '../id-map/index.ts';
import type { LayerRef } from '../mount/index.ts';
import { type Digest, digestHex, parseDigest } from '../oci/index.ts';
import {
  createScratch,
  makeDirectory,
  sweepScratches,
  syncDirectory,
  waitForLock,
} from '../scratch/index.ts';
import { releaseMounts } from './held-mounts.ts';
import { sharedRun } from './runs.ts';
import type { LayerRecord } from './snapshotter.ts';

/** A committed layer with what it takes to mount it: written once as `layer.json`, never changed. */
export interface StoredLayer extends LayerRecord {
  /** The layers below, top first. */
  readonly ancestors: readonly Digest[];
  /** Owner and mode of the tree's root, which a writable directory above must repeat: overlay shows the upper's. */
  readonly root: { readonly mode: number; readonly uid: number; readonly gid: number };
}

/**
 * Committed layers on disk:
 *
 *     layers/<chainId hex>/{layer.json, fs/}                 complete and power-loss-safe: a directory,
 *     layers/<chainId hex>/{layer.json, index.erofs, tar}    or an index and its tar
 *     ingest/<random>/                                       scratch; renamed into layers/ by publish()
 *     removed/<chainId hex>/                    hidden by remove(), which then deletes it or puts it back
 *     lock                                      held by whoever removes, while he decides
 */
export class LayerStore {
  readonly #root: string;
  readonly #known = new Map<Digest, StoredLayer>();
  /** fsync of the directory of names, shared by layers that are published together. */
  readonly #syncNames: () => Promise<void>;

  readonly #ids: Ids;

  constructor(root: string, ids: Ids) {
    this.#root = root;
    this.#ids = ids;
    this.#syncNames = sharedRun(() => syncDirectory(join(root, 'layers')));
  }

  get ingestFolder(): string {
    return join(this.#root, 'ingest');
  }

  /** The layer as it is mounted, whichever form it has. */
  ref(chainId: Digest): LayerRef {
    return layerIn(this.#folder(chainId));
  }

  has(chainId: Digest): boolean {
    return existsSync(this.#folder(chainId));
  }

  /** ERR_LAYER_NOT_FOUND. Records never change, so one that was read before is only looked for. */
  async get(chainId: Digest): Promise<StoredLayer> {
    const known = this.#known.get(chainId);
    if (known && this.has(chainId)) return known;
    const layer = await readRecord(this.#folder(chainId));
    if (layer === undefined) throw notFound(chainId);
    this.#known.set(chainId, layer);
    return layer;
  }

  /** See Snapshotter.removalsDecided. */
  async removalsDecided(): Promise<void> {
    if (isLocked(this.#lock)) (await waitForLock(this.#lock, { shared: true })).release();
  }

  /** Without those whose record is damaged, of which nothing is known. */
  async list(): Promise<StoredLayer[]> {
    const layers = (await this.#names('layers')).map((chainId) => this.get(chainId).catch(ignoreUnknown));
    return (await Promise.all(layers)).filter((layer) => layer !== undefined);
  }

  /** Gives a scratch directory, whose contents have been synced, the layer's name. One that exists already stays. */
  async publish(chainId: Digest, scratch: string): Promise<void> {
    await makeDirectory(join(this.#root, 'layers'));
    await rename(scratch, this.#folder(chainId)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  }

  /** Makes published names power-loss-safe. */
  syncNames(): Promise<void> {
    return this.#syncNames();
  }

  /** See Snapshotter.remove. */
  async remove(chainIds: readonly Digest[], keep?: () => Promise<ReadonlySet<Digest>>): Promise<Digest[]> {
    if (chainIds.length === 0) return [];
    await using doomed = await createScratch(this.ingestFolder, this.#ids.removeTree);
    const gone = await this.#bury(chainIds, keep, doomed.path);
    await Promise.all(gone.map((layer) => this.#ids.removeTree(tombOf(doomed.path, layer))));
    return gone.map((layer) => layer.chainId);
  }

  /**
   * Moves those that nobody needs to where they are deleted. `keep` is asked twice: what was needed before is never hidden, not
   * even for the time that the second answer takes.
   */
  async #bury(
    chainIds: readonly Digest[],
    keep: (() => Promise<ReadonlySet<Digest>>) | undefined,
    tombs: string,
  ): Promise<StoredLayer[]> {
    const lock = await waitForLock(this.#lock);
    try {
      const known = (await keep?.()) ?? new Set<Digest>();
      const layers = await this.#removable(chainIds.filter((chainId) => !known.has(chainId)));
      for (const layer of layers)
        await this.#move(layer, this.#folder(layer.chainId), this.#hidden(layer.chainId));
      const needed = await this.#putBack(layers, keep);
      const gone = layers.filter((layer) => !needed.has(layer.chainId));
      for (const layer of gone) await this.#move(layer, this.#hidden(layer.chainId), tombOf(tombs, layer));
      return gone;
    } finally {
      lock.release();
    }
  }

  /** See Snapshotter.quarantine. */
  async quarantine(chainId: Digest): Promise<string> {
    const target = join(this.#root, 'quarantine', `${digestHex(chainId)}-${Date.now()}`);
    const lock = await waitForLock(this.#lock);
    try {
      if (!this.has(chainId)) throw notFound(chainId);
      await makeDirectory(join(this.#root, 'quarantine'));
      await this.#move({ chainId }, this.#folder(chainId), target);
      await syncDirectory(join(this.#root, 'layers'));
      return target;
    } finally {
      lock.release();
    }
  }

  /** See Snapshotter.emptyQuarantine. */
  async emptyQuarantine(): Promise<number> {
    const folder = join(this.#root, 'quarantine');
    if (!existsSync(folder)) return 0;
    await using doomed = await createScratch(this.ingestFolder, this.#ids.removeTree);
    const grave = join(doomed.path, 'quarantine');
    const lock = await waitForLock(this.#lock);
    try {
      if (!existsSync(folder)) return 0; // another process was faster
      renameSync(folder, grave);
    } finally {
      lock.release();
    }
    return (await diskUsage(grave, await this.#ids.namespace())).bytes;
  }

  /** See Snapshotter.sweep. */
  async sweep(): Promise<void> {
    await sweepScratches(this.ingestFolder, this.#ids.removeTree);
    if ((await this.#names('removed')).length === 0) return;
    await using doomed = await createScratch(this.ingestFolder, this.#ids.removeTree);
    const lock = await waitForLock(this.#lock);
    try {
      for (const chainId of await this.#names('removed')) {
        const target = this.has(chainId) ? tombOf(doomed.path, { chainId }) : this.#folder(chainId);
        await this.#move({ chainId }, this.#hidden(chainId), target);
      }
    } finally {
      lock.release();
    }
  }

  /** Puts hidden layers back that `keep` names, or all of them if it fails, parents first. Answers which. */
  async #putBack(
    layers: readonly StoredLayer[],
    keep: (() => Promise<ReadonlySet<Digest>>) | undefined,
  ): Promise<ReadonlySet<Digest>> {
    const all = new Set(layers.map(({ chainId }) => chainId));
    const [answer] = await Promise.allSettled([keep?.() ?? new Set<Digest>()]);
    const needed = answer.status === 'fulfilled' ? withAncestors(layers, answer.value) : all;
    for (const layer of layers.toReversed().filter(({ chainId }) => needed.has(chainId))) {
      await this.#move(layer, this.#hidden(layer.chainId), this.#folder(layer.chainId));
    }
    if (answer.status === 'rejected') throw answer.reason;
    return needed;
  }

  /** The layers among `chainIds` that exist and on which no other lies, children first. */
  async #removable(chainIds: readonly Digest[]): Promise<StoredLayer[]> {
    mkdirSync(join(this.#root, 'removed'), { recursive: true, mode: 0o700 });
    const wanted = new Set(chainIds);
    const all = await this.list();
    const needed = new Set(
      all.filter(({ chainId }) => !wanted.has(chainId)).flatMap(({ ancestors }) => ancestors),
    );
    return all
      .filter(({ chainId }) => wanted.has(chainId) && !needed.has(chainId))
      .sort((left, right) => right.ancestors.length - left.ancestors.length);
  }

  /** Synchronous where it can be: a rename(2) takes less than one turn through libuv's pool. */
  async #move({ chainId }: Pick<StoredLayer, 'chainId'>, from: string, to: string): Promise<void> {
    this.#known.delete(chainId);
    releaseMounts([from]);
    if (existsSync(to)) await this.#ids.removeTree(to);
    renameSync(from, to);
  }

  async #names(folder: 'layers' | 'removed'): Promise<Digest[]> {
    const names = await readdir(join(this.#root, folder)).catch(ignoreAbsent);
    return (names ?? [])
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((name) => parseDigest(`sha256:${name}`));
  }

  get #lock(): string {
    return join(this.#root, 'lock');
  }

  #folder(chainId: Digest): string {
    return join(this.#root, 'layers', digestHex(chainId));
  }

  #hidden(chainId: Digest): string {
    return join(this.#root, 'removed', digestHex(chainId));
  }
}

/** The layer that is in a folder. */
export function layerIn(folder: string): LayerRef {
  const index = join(folder, 'index.erofs');
  return existsSync(index) ? { index, tar: join(folder, 'tar') } : { directory: join(folder, 'fs') };
}

async function readRecord(folder: string): Promise<StoredLayer | undefined> {
  const text = await readFile(join(folder, 'layer.json'), 'utf8').catch(ignoreAbsent);
  return text === undefined ? undefined : parseRecord(folder, text);
}

function parseRecord(folder: string, text: string): StoredLayer {
  try {
    return JSON.parse(text) as StoredLayer;
  } catch (cause) {
    const message = `the record of the layer in ${folder} is damaged: \`strake system scrub --repair\` gets it anew`;
    throw new EngineError('ERR_LAYER_CORRUPT', message, { cause, details: { path: folder } });
  }
}

/** Where a layer is deleted. */
function tombOf(folder: string, { chainId }: Pick<StoredLayer, 'chainId'>): string {
  return join(folder, digestHex(chainId));
}

function withAncestors(layers: readonly StoredLayer[], needed: ReadonlySet<Digest>): Set<Digest> {
  const roots = layers.filter((layer) => needed.has(layer.chainId));
  return new Set(roots.flatMap((layer) => [layer.chainId, ...layer.ancestors]));
}

function notFound(chainId: Digest): EngineError {
  return new EngineError(
    'ERR_LAYER_NOT_FOUND',
    `layer ${chainId} is not in the store: pull the image again`,
    {
      details: { chainId },
    },
  );
}

function ignoreUnknown(error: unknown): undefined {
  if (isEngineError(error, 'ERR_LAYER_NOT_FOUND') || isEngineError(error, 'ERR_LAYER_CORRUPT'))
    return undefined;
  throw error;
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
