import type { LayerGaps, LayerTarget, NativeLayerIndex } from '../../bindings/layer.ts';
import type { NativeUserNamespace } from '../../bindings/user-namespace.ts';
import type { Mount } from '../mount/index.ts';
import type { Digest } from '../oci/index.ts';

/**
 * A snapshotter turns layers into something mountable and says how to mount it. It never mounts.
 *
 * A **committed** layer is immutable and named by its chainId (OCI image-spec config.md): the layer in its place
 * above its parents. An **ingest** is a layer in the making: its directory belongs to whoever holds it, and is
 * gone when it is disposed without commit. A layer is a directory, or its tar with an EROFS index; both may lie one above
 * the other in one store. A **writable** layer belongs to one container and is named by its id.
 *
 *     await using ingest = await layers.ingest(chainId);
 *     const sink = await openLayerSink({ target: ingest.target, … });  …  const { index, … } = await sink.finish();
 *     await ingest.stage({ parent, diffId, index, … });                 // in its place above its parent
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
  /** Whether `tar` has an answer for the layers that are committed by this snapshotter. */
  readonly keepsTars: boolean;
  /**
   * The committed layer's uncompressed tar as it came, byte for byte, when this store keeps it; null when it keeps only
   * what the tar unpacked to. ERR_LAYER_NOT_FOUND.
   */
  tar(chainId: Digest): Promise<LayerTar | null>;
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
   * Removes committed layers but those below a layer that is not among them; absent is no error. Those that `keep` does not
   * name are hidden, all of them; it is asked again then which of them somebody needs after all, and those are put back. So
   * whoever first records his need and then finds the layer in place keeps it, without holding a lock, but it may be hidden
   * for a moment: see removalsDecided(). Answers what is gone, children first.
   */
  remove(
    chainIds: readonly Digest[],
    options?: { keep?: () => Promise<ReadonlySet<Digest>> },
  ): Promise<Digest[]>;
  /**
   * Waits for the removals that are asking who needs what, which takes milliseconds; there are none nearly always, and that is
   * known after 2 microseconds. Of what has been recorded before, each layer that is there then stays, at every moment: a
   * removal that begins later knows of the need before it hides anything. The caller holds no lock that `keep` waits for.
   */
  removalsDecided(): Promise<void>;
  /**
   * Whether a committed layer still is what was committed, bit for bit. A store that keeps no tars has to unpack the layer
   * once more for that: `again` fills an ingest from the layer's blob; without it the verdict is `unknown`. What `again`
   * rejects with is passed on. ERR_LAYER_NOT_FOUND.
   */
  verify(
    chainId: Digest,
    again?: (ingest: LayerIngest) => Promise<Omit<StagedLayer, 'parent'>>,
  ): Promise<LayerVerdict>;
  /**
   * Takes a committed layer out of use though others lie above it, so that it can be committed anew. Answers the directory
   * where it is kept for whoever wants to look at it. ERR_LAYER_NOT_FOUND.
   */
  quarantine(chainId: Digest): Promise<string>;
  /** Deletes what quarantine() has put aside. Answers the bytes that it took. */
  emptyQuarantine(): Promise<number>;
  /** Heals: drops ingests of dead processes, and finishes or takes back removals that were cut short. */
  sweep(): Promise<void>;
}

/** What became of a layer on the disk. `complaint` says where it differs. */
export type LayerVerdict =
  | { readonly state: 'intact' | 'unknown' }
  | { readonly state: 'corrupt'; readonly complaint: string };

export interface LayerRecord {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent: Digest | null;
  /** Bytes on disk. */
  readonly size: number;
  readonly createdAt: string;
}

/** A file that holds a layer's tar, and its bytes. Whoever reads it verifies it against the diffId. */
export interface LayerTar {
  readonly path: string;
  readonly size: number;
}

/** A layer in the making. Disposal without commit() removes it. */
export interface LayerIngest extends AsyncDisposable {
  /** What a layer's tar is to become: an empty directory, in overlayfs' own form, or a file that keeps the tar itself. */
  readonly target: LayerTarget;
  /** Whose root makes the files of `target`, for the native calls that do; null: this process. */
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
  /** What was read of a tar that is kept: it is completed by the layers below, and written. Null for a directory. */
  readonly index: NativeLayerIndex | null;
}
