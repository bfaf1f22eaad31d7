import { FileSource } from '../archives/index.ts';
import {
  type Descriptor,
  type Digest,
  digestOf,
  encodeImageConfig,
  encodeManifest,
  mediaTypes,
  noProcess,
  type Platform,
} from '../oci/index.ts';
import { applyChanges } from './changes.ts';

/** A root file system's tar on disk, and what the image of it says of itself. */
export interface RootImage {
  readonly tar: { readonly path: string; readonly size: number; readonly diffId: Digest };
  readonly platform: Platform;
  /** RFC 3339 */
  readonly created: string;
  readonly comment: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
}

/**
 * An image of one layer, as `docker import` makes it: its manifest, and a source of all it refers to, which reads the tar
 * where it is. @throws EngineError ERR_IMAGE_CHANGE_INVALID
 */
export function rootImage({ tar, platform, created, comment, changes }: RootImage): {
  readonly target: Descriptor;
  readonly source: FileSource;
} {
  const layer = { mediaType: mediaTypes.ociLayer, digest: tar.diffId, size: tar.size };
  const config = encodeImageConfig({
    platform,
    created,
    process: applyChanges(noProcess, changes),
    diffIds: [tar.diffId],
    history: [{ created, comment, emptyLayer: false }],
  });
  const configDescriptor = descriptorOf(mediaTypes.ociConfig, config);
  const manifest = encodeManifest({ config: configDescriptor, layers: [layer] });
  const target = descriptorOf(mediaTypes.ociManifest, manifest);
  const blobs = new Map<Digest, Buffer>([
    [configDescriptor.digest, config],
    [target.digest, manifest],
  ]);
  const place = { path: tar.path, offset: 0, size: tar.size };
  const find = (digest: Digest) => (digest === tar.diffId ? place : blobs.get(digest));
  return { target, source: new FileSource('the imported image', find) };
}

function descriptorOf(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
