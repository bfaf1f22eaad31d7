import { hashFile } from '../../bindings/hash.ts';
import {
  type Descriptor,
  type Digest,
  digestOf,
  encodeManifest,
  type ImageConfig,
  JsonObject,
  maxImageConfigSize,
  maxManifestSize,
  mediaTypes,
  parseDigest,
  parseImageConfig,
} from '../oci/index.ts';
import { compressionOfFile } from './compression-of-file.ts';
import { type Blob, FileSource } from './file-source.ts';
import { type Files, invalidArchive, readSmallFile, type StoredFile } from './files.ts';
import type { ImageFile, OfferedImage } from './image-file.ts';

const maxImages = 1000;
const maxLayers = 1000;

/** Which layer's file has which blob, so that a file that several images share is looked at once. */
type Layers = Map<string, Promise<Descriptor>>;

/**
 * A docker-archive, as `docker save` writes it since 1.10: `manifest.json` lists for each image the file of its config, its
 * names, and the files of its layers. It has no manifests, so they are made: OCI ones, of the config as it stands and the
 * layers as they are packed there.
 * @throws EngineError ERR_ARCHIVE_INVALID, ERR_IMAGE_CONFIG_INVALID, ERR_ARCHIVE_COMPRESSION_UNSUPPORTED
 */
export async function openDockerArchive(files: Files): Promise<ImageFile> {
  const blobs = new Map<Digest, Blob>();
  const layers: Layers = new Map();
  const images: OfferedImage[] = [];
  for (const entry of await readEntries(files)) images.push(await readImage(files, entry, { blobs, layers }));
  return {
    format: 'docker-archive',
    source: new FileSource(files.name, (digest) => blobs.get(digest)),
    images,
  };
}

/** Whether the files are those of a docker-archive. */
export function isDockerArchive(files: Files): boolean {
  return files.find('manifest.json') !== undefined;
}

interface Entry {
  readonly config: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

async function readEntries(files: Files): Promise<Entry[]> {
  const bytes = await readSmallFile(files, 'manifest.json', maxManifestSize);
  const list = parseList(files, bytes ?? Buffer.alloc(0));
  if (list.length > maxImages) throw invalidArchive(files.name, `it has more than ${maxImages} images`);
  return list.map((value, at) => {
    const source = new JsonObject(value, `manifest.json[${at}]`, 'ERR_ARCHIVE_INVALID');
    return {
      config: source.requiredString('Config'),
      names: source.strings('RepoTags', maxImages) ?? [],
      layers: source.strings('Layers', maxLayers) ?? [],
    };
  });
}

function parseList(files: Files, bytes: Buffer): unknown[] {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (Array.isArray(value)) return value;
  } catch (cause) {
    throw invalidArchive(files.name, 'its manifest.json is not valid JSON', cause);
  }
  throw invalidArchive(files.name, 'its manifest.json is no list');
}

async function readImage(
  files: Files,
  entry: Entry,
  found: { readonly blobs: Map<Digest, Blob>; readonly layers: Layers },
): Promise<OfferedImage> {
  const bytes = await readSmallFile(files, entry.config, maxImageConfigSize);
  if (bytes === undefined) throw invalidArchive(files.name, `the config ${entry.config} is missing`);
  const config = addSmall(found.blobs, mediaTypes.ociConfig, bytes);
  const { diffIds } = parseImageConfig(bytes);
  refuseOtherCount(files, entry, diffIds);
  const layers: Descriptor[] = [];
  for (const [at, path] of entry.layers.entries()) {
    layers.push(await readLayer(files, path, diffIds[at] as Digest, found));
  }
  const manifest = encodeManifest({ config, layers });
  return {
    target: addSmall(found.blobs, mediaTypes.ociManifest, manifest),
    names: entry.names.map((name) => ({ name })),
  };
}

function refuseOtherCount(files: Files, entry: Entry, diffIds: ImageConfig['diffIds']): void {
  if (entry.layers.length === diffIds.length) return;
  throw invalidArchive(
    files.name,
    `the image of ${entry.config} has ${entry.layers.length} layers, but its config has ${diffIds.length} diff_ids`,
  );
}

/** The digest of a layer that is packed has to be found by reading it; that of a plain one is its diffId. */
async function readLayer(
  files: Files,
  path: string,
  diffId: Digest,
  { blobs, layers }: { readonly blobs: Map<Digest, Blob>; readonly layers: Layers },
): Promise<Descriptor> {
  const file = files.find(path);
  if (file === undefined) throw invalidArchive(files.name, `the layer ${path} is missing`);
  const key = `${file.path} ${file.offset} ${diffId}`;
  const known = layers.get(key) ?? describeLayer(file, diffId);
  layers.set(key, known);
  const descriptor = await known;
  blobs.set(descriptor.digest, file);
  return descriptor;
}

async function describeLayer(file: StoredFile, diffId: Digest): Promise<Descriptor> {
  const { size } = file;
  const compression = await compressionOfFile(file);
  if (compression === 'none') return { mediaType: mediaTypes.ociLayer, digest: diffId, size };
  const digest = parseDigest(`sha256:${await hashFile(file.path, file.offset, size)}`);
  const mediaType = compression === 'gzip' ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd;
  return { mediaType, digest, size };
}

function addSmall(blobs: Map<Digest, Blob>, mediaType: string, bytes: Buffer): Descriptor {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  blobs.set(descriptor.digest, bytes);
  return descriptor;
}
