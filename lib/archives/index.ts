/**
 * Images in files: OCI layouts in folders and tars, and docker-archives, read and written as content. It knows neither the
 * store nor registries, chooses no platform, and gives no names: it says which ones it found.
 */

export { FileSource } from './file-source.ts';
export type { ImageFile, ImageFormat, OfferedImage, OfferedName } from './image-file.ts';
export { LayoutFolder } from './layout-folder.ts';
export { OciImages } from './oci-images.ts';
export { type ArchiveInput, type OpenOptions, openImageFile, openPlainFile } from './open-image-file.ts';
export { PackedImages, type Packing } from './packed-images.ts';
export { type PackedImage, type PackedLayer, PlainImages, type PlainOptions } from './plain-images.ts';
export {
  type ArchiveOptions,
  type ImageToArchive,
  writeDockerArchive,
  writeOciArchive,
} from './write-archive.ts';
