/**
 * Mounts are data. Snapshotters emit them, the native runtime performs them inside a container's own mount
 * namespace; nothing in this program ever mounts on the host.
 */
export type Mount = OverlayMount | DirectoryMount;

/** A union of layers, `lower` from the top down, with a writable directory above (absent: read-only). */
export interface OverlayMount {
  readonly type: 'overlay';
  readonly lower: readonly string[];
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
  readonly hidden?: readonly string[];
}
