import type { Digest } from '../oci/index.ts';
import type { ProgressTask } from './progress-task.ts';

/** What happens during a push. Of each blob only the latest state is kept, as in a pull. */
export type PushProgress =
  | BlobProgress
  | { readonly type: 'warning'; readonly message: string }
  /** The last one. */
  | { readonly type: 'done'; readonly pushed: PushedImage };

/** Where one layer or config stands. */
export interface BlobProgress {
  readonly type: 'blob';
  /** Of the blob as the image names it here; packed anew it is pushed under another digest. */
  readonly digest: Digest;
  readonly kind: 'layer' | 'config';
  /** Position in the push. */
  readonly index: number;
  readonly status: PushStatus;
  /** Bytes sent that the registry keeps. */
  readonly current: number;
  /** Bytes to send. */
  readonly total: number;
  /** `mounted`: from one of these repositories of the registry. */
  readonly from?: readonly string[];
}

/**
 * `waiting`: for its turn. `packing`: compressed, since only its tar is kept. `retrying`: cut off, continues from
 * `current`. `exists`: the repository has it. `mounted`: the registry took it from another repository. `sent`: done.
 */
export type PushStatus = 'waiting' | 'packing' | 'sending' | 'retrying' | 'exists' | 'mounted' | 'sent';

/** What a push has stored in the registry. */
export interface PushedImage {
  /** Canonical, with the tag. */
  readonly reference: string;
  /** Of the manifest, or of the index of several platforms. */
  readonly digest: Digest;
  /** Bytes of that document. */
  readonly size: number;
  readonly platforms: readonly string[];
  /** Whether layers were compressed anew, so that the registry's digest is another than the image has here. */
  readonly repacked: boolean;
}

/** How layers are compressed that are not kept compressed. `level`: gzip 1 to 9, zstd 1 to 19; default 3. */
export interface PushCompression {
  readonly format: 'gzip' | 'zstd' | 'none';
  readonly level?: number | undefined;
}

/** A push under way: await it for what was pushed, or iterate it for progress. */
export type PushTask = ProgressTask<PushedImage, PushProgress>;
