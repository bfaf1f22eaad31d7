import type { Digest } from '../oci/index.ts';
import type { Image } from './image.ts';

/**
 * What happens during a pull. A reader that is slower than the pull gets the latest state of each layer and not every
 * step to it, so `current` may jump; the last state of each layer, warnings and `done` always arrive.
 */
export type PullProgress =
  /** The name was resolved; `digest` is the registry's, of a manifest or an index. */
  | {
      readonly type: 'resolved';
      readonly reference: string;
      readonly digest: Digest;
      readonly platform: string;
    }
  | LayerProgress
  | { readonly type: 'warning'; readonly message: string }
  /** The last one. `upToDate`: nothing had to be fetched. */
  | { readonly type: 'done'; readonly image: Image; readonly upToDate: boolean };

/** Where one layer stands. */
export interface LayerProgress {
  readonly type: 'layer';
  /** Of the compressed blob. */
  readonly digest: Digest;
  /** Position in the image, base 0. */
  readonly index: number;
  readonly status: LayerStatus;
  /** Compressed bytes that arrived, with those of an earlier, interrupted pull. */
  readonly current: number;
  /** Size of the compressed blob in bytes. */
  readonly total: number;
}

/**
 * `waiting`: for its turn, or for another process that fetches the same layer. `exists`: nothing to do. `downloading`:
 * fetched, verified and unpacked, all at once. `unpacking`: every byte arrived, files are still being written.
 * `committing`: being made power-loss-safe. `retrying`: cut off, continues from `current`.
 */
export type LayerStatus =
  | 'waiting'
  | 'exists'
  | 'downloading'
  | 'unpacking'
  | 'committing'
  | 'done'
  | 'retrying';

/**
 * A pull under way. Await it for the image, or iterate it for progress (any number of times, also late, also never: the
 * pull does not wait for its readers). The iteration throws what the pull failed with.
 *
 *     for await (const step of images.pull('debian:12')) render(step);
 */
export interface PullTask extends PromiseLike<Image>, AsyncIterable<PullProgress> {}
