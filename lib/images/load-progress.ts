import type { Image } from './image.ts';
import type { ProgressTask } from './progress-task.ts';
import type { LayerProgress } from './pull-progress.ts';

/** An image that a load has brought into the store. */
export interface LoadedImage {
  readonly image: Image;
  /** Canonical names that it was given, in the file's order; none: it is found by its id. */
  readonly references: readonly string[];
}

/** What happens during a load. `index` of a layer counts on over all the images of the file. */
export type LoadProgress =
  | LayerProgress
  | { readonly type: 'warning'; readonly message: string }
  /** One image is there, with its names. */
  | ({ readonly type: 'loaded' } & LoadedImage);

/**
 * A load under way. Await it for the images, or iterate it for progress (any number of times, also late, also never). The
 * iteration throws what the load failed with; images that were loaded by then stay.
 */
export interface LoadTask extends ProgressTask<readonly LoadedImage[], LoadProgress> {}
