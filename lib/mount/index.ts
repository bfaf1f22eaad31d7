/**
 * Mounts are data. Snapshotters emit them, the native runtime performs them inside a container's own mount
 * namespace; nothing in this program ever mounts on the host.
 */

/** A layer as it rests on disk: a directory in overlayfs' own form, or a verbatim tar with the EROFS index of it. Paths. */
export type LayerRef = DirectoryLayer | ErofsLayer;

export interface DirectoryLayer {
  readonly directory: string;
}

export interface ErofsLayer {
  readonly index: string;
  readonly tar: string;
  /** A detached mount of it that a process has open, for whoever can take it from there; it may be gone by then. */
  readonly held?: { readonly pid: number; readonly fd: number };
}

export type Mount = OverlayMount | DirectoryMount;

/** A union of layers, `lower` from the top down, with a writable directory above (absent: read-only). */
export interface OverlayMount {
  readonly type: 'overlay';
  readonly lower: readonly LayerRef[];
  readonly upper?: string;
  readonly work?: string;
  /** No sync at all: for containers that die with their process. */
  readonly volatile?: boolean;
  /** What overlayfs records (opaque directories, redirects) is in user.overlay.*: in a user namespace, where trusted.* is not. */
  readonly userxattr?: boolean;
  /** Paths inside the root that are covered. */
  readonly hidden?: readonly string[];
}

/** A directory as it is. */
export interface DirectoryMount {
  readonly type: 'directory';
  readonly path: string;
  /** Seen through the id map of the container that it is mounted for, as the layers of an overlay are. */
  readonly idmap?: boolean;
  readonly hidden?: readonly string[];
}
