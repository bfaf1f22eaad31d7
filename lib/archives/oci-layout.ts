import {
  type Annotations,
  type Descriptor,
  type Digest,
  digestHex,
  maxManifestSize,
  mediaTypes,
  parseManifest,
} from '../oci/index.ts';
import { parseReference } from '../reference/index.ts';
import { FileSource } from './file-source.ts';
import { type Files, invalidArchive, readSmallFile } from './files.ts';
import type { ImageFile, OfferedImage, OfferedName } from './image-file.ts';

/** OCI image-spec 1.1 image-layout.md: `oci-layout`, `index.json`, `blobs/<algorithm>/<hex>`. */
export const layoutVersion = '{"imageLayoutVersion":"1.0.0"}';
/** Of one file `oci-layout`. */
const maxVersionSize = 4096;

/** A tag, or a whole name, as the tools have it (image-spec annotations.md). */
const refName = 'org.opencontainers.image.ref.name';
/** The whole name, where the other is a tag (containerd, buildkit, docker 25). */
const imageName = 'io.containerd.image.name';

/** How docker and buildkit write down a whole name. */
export function imageAnnotations(reference: string): Annotations {
  return { [imageName]: reference, [refName]: parseReference(reference).tag ?? 'latest' };
}

/** An entry of the index that is found by any text, as skopeo and umoci write it. */
export function namedEntry({ annotations, ...target }: Descriptor, name: string): Descriptor {
  return { ...target, annotations: { ...annotations, [refName]: name } };
}

/** By what text an entry is found. */
export function refNameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[refName];
}

/** Where a layout has a blob, relative to its folder (OCI image-layout, "Blobs"). */
export function blobPath(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

/** Whether the files are those of a layout. */
export function isLayout(files: Files): boolean {
  return files.find('index.json') !== undefined && files.find('oci-layout') !== undefined;
}

/**
 * Blobs are looked for when they are asked for: a layout that many share may have thousands.
 * @throws EngineError ERR_ARCHIVE_INVALID, ERR_MANIFEST_INVALID
 */
export async function openLayout(files: Files): Promise<ImageFile> {
  const manifests = await readIndex(files);
  return {
    format: 'oci-layout',
    source: new FileSource(files.name, (digest) => files.find(blobPath(digest))),
    images: offered(manifests),
  };
}

/** What `index.json` lists. */
export async function readIndex(files: Files): Promise<readonly Descriptor[]> {
  await checkVersion(files);
  const bytes = await readSmallFile(files, 'index.json', maxManifestSize);
  if (bytes === undefined) throw invalidArchive(files.name, 'index.json is missing');
  const index = parseManifest(bytes, mediaTypes.ociIndex);
  return index.kind === 'index' ? index.manifests : [];
}

async function checkVersion(files: Files): Promise<void> {
  const bytes = await readSmallFile(files, 'oci-layout', maxVersionSize);
  if (bytes === undefined) throw invalidArchive(files.name, 'oci-layout is missing');
  if (/"imageLayoutVersion"\s*:\s*"1\./.test(bytes.toString())) return;
  throw invalidArchive(files.name, `its oci-layout names no version 1.x: ${bytes.toString().slice(0, 100)}`);
}

/** By digest, for they may be listed more than once: an image with several names is. */
function offered(manifests: readonly Descriptor[]): OfferedImage[] {
  const images = new Map<string, OfferedImage>();
  for (const { annotations = {}, ...target } of manifests) {
    const known = images.get(target.digest);
    const names = [...(known?.names ?? []), ...namesOf(annotations)];
    images.set(target.digest, { target: known?.target ?? target, names });
  }
  return [...images.values()];
}

function namesOf(annotations: Readonly<Record<string, string>>): OfferedName[] {
  const name = annotations[imageName];
  if (name) return [{ name }];
  const reference = annotations[refName];
  if (!reference) return [];
  return [/[:/@]/.test(reference) ? { name: reference } : { tag: reference }];
}
