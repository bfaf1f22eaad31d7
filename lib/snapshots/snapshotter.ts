import type { LayerGaps } from '../../bindings/layer.ts';
import type { NativeUserNamespace } from '../../bindings/user-namespace.ts';
import type { Mount } from '../mount/index.ts';
import type { Digest } from '../oci/index.ts';

/**
 * A snapshotter turns layers into something mountable and says how to mount it. It never mounts.
 *
 * A **committed** layer is immutable and named by its chainId (OCI image-spec config.md): the layer in its place
 * above its parents. An **ingest** is a layer in the making: its directory belongs to whoever holds it, and is
 * gone when it is disposed without commit. A **writable** layer belongs to one container and is named by its id.
 *
 *     await using ingest = await layers.ingest(chainId);
 *     const sink = await openLayerSink({ target: ingest.target, … });  …  const gaps = await sink.finish();
 *     await ingest.stage({ parent, diffId, gaps, … });                  // in its place above its parent
 *     await ingest.commit();                                            // power-loss-safe before it is named
 *
 *     const mount = await layers.prepare(containerId, topChainId);      // Mount: upper above all layers of the chain
 *     await layers.discard(containerId);
 *
 * Any number of processes use one store. commit() of what exists already succeeds and drops the ingest. A crash leaves
 * ingests that the next `sweep()` removes (their lock is free). One suite holds for every implementation:
 * `test/contracts/snapshotter.ts`.
 */
export interface Snapshotter {
  readonly name: string;
  has(chainId: Digest): Promise<boolean>;
  /** The committed layer's record. ERR_LAYER_NOT_FOUND. */
  stat(chainId: Digest): Promise<LayerRecord>;
  list(): Promise<LayerRecord[]>;
  ingest(chainId: Digest): Promise<LayerIngest>;
  /** A new writable layer above `chainId` (null: an empty root). ERR_LAYER_NOT_FOUND; ERR_SNAPSHOT_EXISTS. */
  prepare(key: string, chainId: Digest | null, options?: { volatile?: boolean }): Promise<Mount>;
  /** The mount that prepare() answered, again. */
  mount(key: string, chainId: Digest | null, options?: { volatile?: boolean }): Promise<Mount>;
  /** A read-only view: an overlay without `upper`, of one layer or more. */
  view(chainId: Digest): Promise<Mount>;
  /** Removes a writable layer; absent is no error. */
  discard(key: string): Promise<void>;
  /**
   * Removes committed layers but those below a layer that is not among them; absent is no error. They are hidden first,
   * all of them; `keep` is asked then which of them somebody needs after all, and those are put back. So whoever first
   * records his need and then finds the layer in place keeps it, without a lock. Answers what is gone, children first.
   */
  remove(
    chainIds: readonly Digest[],
    options?: { keep?: () => Promise<ReadonlySet<Digest>> },
  ): Promise<Digest[]>;
  /** Heals: drops ingests of dead processes, and finishes or takes back removals that were cut short. */
  sweep(): Promise<void>;
}

export interface LayerRecord {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent: Digest | null;
  /** Bytes on disk. */
  readonly size: number;
  readonly createdAt: string;
}

/** A layer in the making. Disposal without commit() removes it. */
export interface LayerIngest extends AsyncDisposable {
  /** The empty directory that is to become the layer, in overlayfs' own form. */
  readonly target: string;
  /** Whose root makes the files below it, for the native calls that do; null: this process. */
  readonly userNamespace: NativeUserNamespace | null;
  /**
   * Puts the complete layer in its place above its parent, which must be committed, or staged by this snapshotter: layers
   * that are staged together are synced together. ERR_LAYER_NOT_FOUND; ERR_LAYER_CORRUPT for a hard link that leads nowhere.
   */
  stage(layer: StagedLayer): Promise<void>;
  /** Names the staged layer, power-loss-safe, after its parent. Fails if its staged parent was given up. */
  commit(): Promise<void>;
}

export interface StagedLayer {
  readonly parent: Digest | null;
  readonly diffId: Digest;
  /** What its tar left open: the layers below answer it. */
  readonly gaps: LayerGaps;
  /** Of file contents, what the layers below add not counted. */
  readonly bytes: number;
}
