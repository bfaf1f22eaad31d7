import { join } from 'node:path';
import {
  type ImageToArchive,
  OciImages,
  type PackedImage,
  PlainImages,
  writeDockerArchive,
  writeOciArchive,
} from '../archives/index.ts';
import type { Leases, Needs } from '../content/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { createScratch } from '../scratch/index.ts';
import { type LayerLimits, layerCompression } from '../unpack/index.ts';
import type { Image } from './image.ts';
import type { ImageLoader } from './image-loader.ts';
import { nameOfPlatform } from './image-of-platform.ts';
import { LocalSource, type LocalStores } from './local-source.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { namesToSave, type SavedImage } from './names-to-save.ts';
import { storingError } from './storing-error.ts';

/** How images are saved. `docker-archive` can be read as either. */
export type ArchiveFormat = 'docker-archive' | 'oci-archive';

/** What saving takes from the rest of the engine. */
export interface SaveStores extends LocalStores {
  readonly root: string;
  readonly names: NameStore;
  readonly loader: ImageLoader;
  readonly leases: Leases;
  readonly limits: LayerLimits;
}

export interface SaveOptions {
  readonly format?: ArchiveFormat;
  /** Of what is here for several platforms the image of this one, under the same names. */
  readonly platform?: string | undefined;
  readonly signal?: AbortSignal;
}

/** See Images.save. */
export async function* saveImages(
  stores: SaveStores,
  texts: readonly string[],
  { format = 'docker-archive', platform, signal }: SaveOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    signal?.throwIfAborted();
    const images = await chosen(stores, await namesToSave(stores.names, texts), platform);
    await using _lease = await stores.leases.take(needsOf(images));
    if (format === 'oci-archive') yield* saveAsOci(stores, images, signal);
    else yield* saveAsDocker(stores, images, signal);
  } catch (error) {
    throw storingError(error, { what: 'the save', root: stores.root, aborted: signal?.aborted ?? false });
  }
}

async function chosen(
  stores: SaveStores,
  images: readonly SavedImage[],
  platform: string | undefined,
): Promise<readonly SavedImage[]> {
  if (platform === undefined) return images;
  const choose = async ({ name, references }: SavedImage) => ({
    name: await nameOfPlatform(stores, name, platform),
    references,
  });
  return await Promise.all(images.map(choose));
}

async function* saveAsOci(
  stores: SaveStores,
  images: readonly SavedImage[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const local = new LocalSource(stores);
  const source = new OciImages(local);
  const archived: ImageToArchive[] = [];
  for (const { name, references } of images) {
    const image = await stores.loader.load(name);
    archived.push({ target: await source.add(await local.addImage(image, name), signal), references });
  }
  yield* writeOciArchive(source, archived, { signal, verified: true });
}

async function* saveAsDocker(
  stores: SaveStores,
  images: readonly SavedImage[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  await using scratch = await createScratch(join(stores.root, 'content/ingest'));
  const local = new LocalSource(stores);
  const plain = new PlainImages(local, { scratch: scratch.path, maxBytes: stores.limits.maxBytes, signal });
  const archived: ImageToArchive[] = [];
  for (const { name, references } of images) {
    const image = await stores.loader.load(name);
    const layers = await local.addLayers(image, 'tar');
    archived.push({ target: await plain.add(packedImage(name, image, layers)), references });
  }
  yield* writeDockerArchive(plain, archived, { signal, verified: true });
}

function packedImage(name: ImageName, image: Image, layers: readonly Descriptor[]): PackedImage {
  return {
    config: name.config,
    layers: layers.map((blob, at) => ({
      blob,
      compression: layerCompression(blob),
      diffId: image.config.diffIds[at] as Digest,
    })),
  };
}

function needsOf(images: readonly SavedImage[]): Needs {
  return {
    blobs: images.flatMap(({ name }) => name.blobs),
    chainIds: images.flatMap(({ name }) => name.chainIds),
  };
}
