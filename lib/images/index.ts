/**
 * Images by name: pulled, pushed, loaded, saved, copied, imported, tagged, listed, removed. A name is a file that is
 * published last, when all it stands for is verified and on disk. Registries, archives, blobs, layers and how they are
 * mounted belong to other rooms; containers are known only as those who use an image.
 */

export type { CopiedImage, CopyImageOptions, CopyProgress } from './copy-image.ts';
export type {
  Image,
  ImageHistory,
  ImageLayer,
  ImageSummary,
  ImagesUsage,
  ImageUsage,
  PrunedImages,
  RemovedImage,
} from './image.ts';
export type {
  AddedLayer,
  ContainerUse,
  CopyTask,
  Images,
  PruneImagesOptions,
  PullImageOptions,
  PushImageOptions,
  ScrubOptions,
} from './images.ts';
export type { ImportOptions } from './import-image.ts';
export type { LoadedImage, LoadProgress, LoadTask } from './load-progress.ts';
export { type ImageName, NameStore } from './name-store.ts';
export { type ImagesOptions, openImages } from './open-images.ts';
export type { ProgressTask } from './progress-task.ts';
export type { LayerProgress, LayerStatus, PullProgress, PullTask } from './pull-progress.ts';
export type {
  BlobProgress,
  PushCompression,
  PushedImage,
  PushProgress,
  PushStatus,
  PushTask,
} from './push-progress.ts';
export type { ArchiveFormat } from './save-images.ts';
export type { Repair, ScrubbedPart, ScrubProblem, ScrubReport, ScrubStep } from './scrub-report.ts';
