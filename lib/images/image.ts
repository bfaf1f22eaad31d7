import type { Descriptor, Digest, ImageConfig, Platform } from '../oci/index.ts';

/** An image of this store: complete, verified, and ready to be mounted. */
export interface Image {
  /** Digest of the config: what Docker calls the image's id. */
  readonly id: Digest;
  /** The canonical name by which it was found (`docker.io/library/debian:12`), or its id. */
  readonly reference: string;
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  readonly platform: Platform;
  /** Base first. */
  readonly layers: readonly ImageLayer[];
  /** The snapshot that holds all of its layers; null for an image without layers. */
  readonly chainId: Digest | null;
}

/** One layer in its place in an image. */
export interface ImageLayer {
  /** The blob as the registry has it, compressed. */
  readonly blob: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Name of this layer above all below it. */
  readonly chainId: Digest;
}

/** A line of `images.list()`: one image with all of its names. */
export interface ImageSummary {
  readonly id: Digest;
  /** Canonical names with a tag; none for an image that lost its last (`<none>` in Docker's listing). */
  readonly references: readonly string[];
  /** Canonical names with a manifest's digest (`docker.io/library/debian@sha256:…`). */
  readonly digests: readonly string[];
  readonly platform: Platform;
  /** RFC 3339; when the image was built, as its config says. */
  readonly createdAt: string | null;
  /** Bytes on disk of all its layers, shared ones counted as well. */
  readonly size: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** One step in the making of an image, newest first. */
export interface ImageHistory {
  /** The image's id at the newest step; null at the others, of which nothing but the layer is left. */
  readonly id: Digest | null;
  /** RFC 3339 */
  readonly createdAt: string | null;
  readonly createdBy: string;
  readonly comment: string;
  /** It changed no file. */
  readonly emptyLayer: boolean;
  /** Bytes on disk of its layer. */
  readonly size: number;
}

/** What an image takes on disk. `size` is `sharedSize` and `uniqueSize` together, in bytes of layers and documents. */
export interface ImageUsage extends ImageSummary {
  /** Of what other images have as well. */
  readonly sharedSize: number;
  readonly uniqueSize: number;
  /** How many containers were made of it. */
  readonly containers: number;
}

/** What all images take. Each byte counts once. */
export interface ImagesUsage {
  readonly images: readonly ImageUsage[];
  readonly size: number;
  /** What no container's image needs. */
  readonly reclaimable: number;
}

/** What `images.prune()` did, in order, and the bytes that it freed. */
export interface PrunedImages {
  readonly removed: readonly RemovedImage[];
  readonly bytes: number;
}

/** What `images.remove()` did, one effect each, in order. */
export type RemovedImage = { readonly untagged: string } | { readonly deleted: Digest };
