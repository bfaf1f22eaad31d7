import type { ContentSource } from '../content/index.ts';
import type { Descriptor } from '../oci/index.ts';

/** How images stand in a file or a folder. */
export type ImageFormat = 'oci-layout' | 'docker-archive';

/** Images that stand in a file or a folder, opened to be read; its bytes are not trusted. */
export interface ImageFile {
  readonly format: ImageFormat;
  readonly source: ContentSource;
  /** What it offers, in its own order. */
  readonly images: readonly OfferedImage[];
}

/** One image, or an index of several, with the names that it has there. */
export interface OfferedImage {
  readonly target: Descriptor;
  /**
   * As they are written: names with repository and tag, or, where a layout has no more, a tag alone (`name` tells them
   * apart).
   */
  readonly names: readonly OfferedName[];
}

export type OfferedName = { readonly name: string } | { readonly tag: string };
