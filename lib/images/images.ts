import type { Descriptor, Digest, ImageProcess } from '../oci/index.ts';
import type { ExplicitCredentials } from '../registry-client/index.ts';
import type { CopiedImage, CopyImageOptions, CopyProgress } from './copy-image.ts';
import type { Image, ImageHistory, ImageSummary, ImagesUsage, PrunedImages, RemovedImage } from './image.ts';
import type { ImportOptions } from './import-image.ts';
import type { LoadTask } from './load-progress.ts';
import type { ProgressTask } from './progress-task.ts';
import type { PullTask } from './pull-progress.ts';
import type { PushCompression, PushTask } from './push-progress.ts';
import type { ArchiveFormat } from './save-images.ts';

import type { ScrubReport, ScrubStep } from './scrub-report.ts';

/**
 * The images of one store, by name. A name stands for an image only when all of it is there: layers first, the name last.
 *
 * References are Docker's: `debian`, `ghcr.io/owner/name:tag`, `name@sha256:…`. Where an image must exist already its id
 * (`sha256:…`, or a unique beginning of the hex digits) will do too.
 */
export interface Images {
  /**
   * Fetches an image, unless the registry's answer shows that it is here already. Aborting keeps what was downloaded for
   * the next pull, and names nothing. `platform`: `linux/arm64` (default: this machine's). `credentials`: in place of those that
   * are stored for the registry, as in push().
   * Fails with ERR_REFERENCE_INVALID, ERR_PLATFORM_INVALID, ERR_PLATFORM_NOT_FOUND, ERR_MANIFEST_*, ERR_LAYER_*,
   * ERR_BLOB_*, ERR_REGISTRY_*, ERR_NO_SPACE, ERR_ABORTED.
   */
  pull(reference: string, options?: PullImageOptions): PullTask;
  /**
   * Stores an image under its own name in a registry: its layers, several at once, then its config, its manifest last. What
   * the repository has is skipped, what another repository of the registry is known to have is mounted, and an upload that
   * is cut goes on, so a push that failed is simply done again. Layers go as they came from a registry, digest for digest;
   * those that are here as a tar only (a commit's, or of a store that keeps tars) are compressed, reproducibly. With
   * `compression` all are brought into that form. `platform`: of an index the image that is here for it; `allPlatforms`:
   * the index with every platform that is here.
   * ERR_IMAGE_NOT_FOUND; ERR_REFERENCE_INVALID; ERR_PLATFORM_NOT_FOUND; ERR_LAYER_BYTES_MISSING; ERR_BLOB_*_MISMATCH (the
   * disk has altered it: nothing of it is stored there); ERR_REGISTRY_*; ERR_UPLOAD_*; ERR_REPOSITORY_NOT_FOUND;
   * ERR_TAG_IMMUTABLE; ERR_NO_SPACE; ERR_ABORTED.
   */
  push(reference: string, options?: PushImageOptions): PushTask;
  /** Every image, newest build first. */
  list(): Promise<ImageSummary[]>;
  /** ERR_IMAGE_NOT_FOUND; ERR_IMAGE_AMBIGUOUS (a beginning of several ids); ERR_REFERENCE_INVALID. */
  inspect(reference: string): Promise<Image>;
  /**
   * Docker's rules. A name is taken off; the image goes with its last name. The last tag takes the digests of its
   * repository along. An id takes off its one tag and that repository's digests, with `force` all there are. ERR_IMAGE_IN_USE while a container has it: `force` passes over stopped ones, and then what
   * a container still needs stays on disk without a name. The file system has the bytes of large layers back a moment later,
   * before the next layer is written and at the latest when the process has ended. ERR_IMAGE_NOT_FOUND; ERR_IMAGE_AMBIGUOUS.
   */
  remove(reference: string, options?: { readonly force?: boolean }): Promise<RemovedImage[]>;
  /**
   * Gives an image (by name or id) a further name, which is taken from the image that has it: that one stays, without a
   * name if it was its last. ERR_IMAGE_NOT_FOUND; ERR_IMAGE_AMBIGUOUS; ERR_REFERENCE_INVALID.
   */
  tag(source: string, target: string): Promise<void>;
  /**
   * Brings the images of an archive into the store: an OCI layout (a folder, or a tar) or a docker-archive, packed by gzip,
   * zstd or not at all; a path, or the bytes as they arrive. A name that an image has there it gets here, taken from the
   * image that has it (as by tag()); one without a name is found by its id. Of an index the image of `platform` is taken.
   * Images are loaded one after the other: what fails names nothing of its own image, and those before it stay.
   * ERR_ARCHIVE_INVALID; ERR_ARCHIVE_COMPRESSION_UNSUPPORTED; ERR_PLATFORM_NOT_FOUND; ERR_REFERENCE_INVALID;
   * ERR_IMAGE_CONFIG_INVALID; ERR_MANIFEST_INVALID; ERR_LAYER_*; ERR_BLOB_*; ERR_NO_SPACE; ERR_ABORTED.
   */
  load(
    archive: string | AsyncIterable<Uint8Array>,
    options?: { readonly platform?: string; readonly signal?: AbortSignal },
  ): LoadTask;
  /**
   * The bytes of an archive of images, which load(), docker, podman and OCI tools read; the same images make the same bytes.
   * A name stands for its image under that name (a repository alone: under all of its tags), an id for an image without
   * one. A `docker-archive` (the default) is an OCI layout too, and its layers are plain tars; an `oci-archive` has
   * manifests and layers as they were pulled, as far as the store keeps them. Nothing is read before the iteration begins;
   * to leave it early releases all. When it fails, what was given by then is no archive.
   * ERR_IMAGE_NOT_FOUND; ERR_IMAGE_AMBIGUOUS; ERR_REFERENCE_INVALID; ERR_LAYER_BYTES_MISSING; ERR_BLOB_*; ERR_NO_SPACE;
   * ERR_ABORTED.
   */
  save(
    references: readonly string[],
    options?: {
      readonly format?: ArchiveFormat;
      /** Of what is here for several platforms the image of this one, under the same names. ERR_PLATFORM_*. */
      readonly platform?: string | undefined;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<Uint8Array>;
  /**
   * Makes an image of one layer of a root file system's tar, packed by gzip, zstd or not at all: a path, or the bytes as they
   * arrive. Without a `reference` it has no name. ERR_ARCHIVE_INVALID; ERR_ARCHIVE_COMPRESSION_UNSUPPORTED;
   * ERR_IMAGE_CHANGE_INVALID; ERR_REFERENCE_INVALID; ERR_LAYER_*; ERR_NO_SPACE; ERR_ABORTED.
   */
  import(archive: string | AsyncIterable<Uint8Array>, options?: ImportOptions): Promise<Image>;
  /**
   * Copies an image between any two places, verified, digest for digest where both can hold it so: `docker://NAME`,
   * `oci:FOLDER[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, a name or id in this store; and from
   * `@host` and `@/folder`, which become an image of one layer. With `all` an index is copied with all that it lists.
   * ERR_TRANSPORT_INVALID; ERR_LAYOUT_INVALID; ERR_IMAGE_NOT_FOUND; ERR_IMAGE_AMBIGUOUS; and what pull(), push(), load() and
   * save() fail with.
   */
  copy(source: string, destination: string, options?: CopyImageOptions): CopyTask;
  /**
   * Makes an image of another's layers and one more, and names it last. What `container.commit()` rests on. The same
   * layer, base, process and `created` make the same image. ERR_BLOB_NOT_FOUND and ERR_IMAGE_NOT_FOUND when the base is
   * not here (any more); ERR_REFERENCE_INVALID; ERR_IMAGE_CHANGE_INVALID; ERR_LAYER_*; ERR_NO_SPACE; ERR_ABORTED.
   */
  addLayer(added: AddedLayer): Promise<Image>;
  /**
   * Removes the images without a tag that no container has, with `all` those with a tag too; `filter` may spare some. Then
   * sweep(). With `all` interrupted downloads that nobody is at work on and what is in quarantine go as well: the store holds what is in use, and the
   * file system has the rest back.
   */
  prune(options?: PruneImagesOptions): Promise<PrunedImages>;
  /**
   * Reads every layer and every blob and compares it bit for bit with the digest that it is named by. With `repair` what is
   * corrupt is taken out of use, and the images that have it are pulled again, by digest, from where their names say.
   */
  scrub(options?: ScrubOptions): Promise<ScrubReport>;
  /**
   * The id of what a name stands for on one platform, of several that are here. ERR_PLATFORM_NOT_FOUND; ERR_PLATFORM_INVALID;
   * and what inspect() rejects with.
   */
  idOfPlatform(reference: string, platform: string): Promise<Digest>;
  /** How an image came to be, newest step first. Rejects as inspect() does. */
  history(reference: string): Promise<ImageHistory[]>;
  /** What the images take on disk, and what of it they share. */
  usage(): Promise<ImagesUsage>;
  /**
   * Heals what crashes left and deletes what nothing refers to: blobs, layers, and partial downloads a week old. Answers
   * the bytes that were freed.
   */
  sweep(): Promise<{ readonly bytes: number }>;
}

/** How a scrub is done. */
export interface ScrubOptions {
  readonly repair?: boolean;
  readonly onStep?: (step: ScrubStep) => void;
  readonly signal?: AbortSignal;
}

/** Which images a prune removes. */
export interface PruneImagesOptions {
  readonly all?: boolean;
  /** Of those that could go, whether this one shall. */
  readonly filter?: (image: ImageSummary) => boolean;
}

/** A copy under way: await it for what it has made, or iterate it for the blobs as they arrive. */
export interface CopyTask extends ProgressTask<CopiedImage, CopyProgress> {}

export interface PullImageOptions {
  readonly platform?: string;
  readonly credentials?: ExplicitCredentials;
  readonly signal?: AbortSignal;
}

export interface PushImageOptions {
  readonly credentials?: ExplicitCredentials | undefined;
  readonly platform?: string | undefined;
  readonly allPlatforms?: boolean;
  readonly compression?: PushCompression | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A layer upon an image, and what the new image says of itself. */
export interface AddedLayer {
  /** The manifest of the image below, which a lease, a name or a container keeps. */
  readonly base: Descriptor;
  /** The image's name, with a tag; absent: it has none. */
  readonly reference?: string | undefined;
  /** The process defaults, to which `changes` are applied: Dockerfile instructions. */
  readonly process: ImageProcess;
  readonly changes?: readonly string[];
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly createdBy: string;
  /** RFC 3339 */
  readonly created: string;
  /** Writes the layer's tar to the new file and answers its sha256, bytes and entries; none: there is no new layer. */
  writeLayer(path: string): Promise<{ digest: string; size: number; entries: number }>;
  readonly signal?: AbortSignal | undefined;
}

/** A container as far as images are concerned. */
export interface ContainerUse {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  /** Documents of its image that it may need: manifest and config. */
  readonly blobs?: readonly string[];
  /** The snapshot below its writable layer. */
  readonly chainId: string | null;
  readonly running: boolean;
}
