import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readTree } from '../../bindings/archive.ts';
import { hashFile } from '../../bindings/hash.ts';
import { type ImageFile, type OfferedImage, type OfferedName, openImageFile } from '../archives/index.ts';
import type { ContentSource } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, hostPlatform, parseDigest } from '../oci/index.ts';
import { formatReference, type ImageReference, parseReference } from '../reference/index.ts';
import type { CopyStores } from './copy-image.ts';
import { findImage } from './find-image.ts';
import { creationTime } from './import-image.ts';
import { LocalSource } from './local-source.ts';
import type { ImageLocation } from './parse-location.ts';
import type { PushCompression } from './push-progress.ts';
import { rootImage } from './root-image.ts';

/** An image where it is, opened to be read. */
export interface Origin extends AsyncDisposable {
  readonly source: ContentSource;
  readonly target: Descriptor;
}

export interface CopyContext {
  readonly stores: CopyStores;
  /** A folder of the copy's own. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly platform: string | undefined;
  readonly compression: PushCompression | undefined;
}

/**
 * @throws EngineError ERR_IMAGE_NOT_FOUND, ERR_IMAGE_AMBIGUOUS, ERR_ARCHIVE_*, ERR_LAYER_BYTES_MISSING, ERR_MANIFEST_*,
 * ERR_REGISTRY_*
 */
export async function openOrigin(location: ImageLocation, context: CopyContext): Promise<Origin> {
  switch (location.transport) {
    case 'store':
      return openStored(location.name, context.stores);
    case 'docker':
      return openRemote(location.reference, context);
    case 'directory':
      return openDirectory(location.path, context);
    default:
      return openFile(location.path, location.name, context);
  }
}

async function openStored(text: string, stores: CopyStores): Promise<Origin> {
  const found = await findImage(stores.names, text);
  const name = found.by === 'name' ? found.name : found.names[0];
  const lease = await stores.leases.take(name);
  const source = new LocalSource(stores);
  try {
    const target = await source.addImage(await stores.loader.load(name), name);
    return { source, target, [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose]() };
  } catch (error) {
    await lease[Symbol.asyncDispose]();
    throw error;
  }
}

async function openRemote(reference: ImageReference, { stores, signal }: CopyContext): Promise<Origin> {
  const source = await stores.openRepository(reference);
  const dispose = () => source[Symbol.asyncDispose]();
  try {
    const { descriptor } = await source.resolve(undefined, { signal });
    return { source, target: descriptor, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function openFile(path: string, name: string | undefined, context: CopyContext): Promise<Origin> {
  const { scratch, signal, stores } = context;
  const file = await openImageFile(path, { scratch, signal, maxBytes: stores.limits.maxBytes });
  const { target } = chooseImage(file, path, name);
  return { source: file.source, target, [Symbol.asyncDispose]: async () => undefined };
}

/** The one of that name, or the only one. */
function chooseImage({ images }: ImageFile, path: string, name: string | undefined): OfferedImage {
  const fitting = name === undefined ? images : images.filter(({ names }) => names.some(isCalled(name)));
  const [image, ...others] = fitting;
  if (image !== undefined && others.length === 0) return image;
  const offered =
    images
      .flatMap(({ names }) => names.map(textOf))
      .sort()
      .join(', ') || 'none with a name';
  const complaint =
    image === undefined
      ? name === undefined
        ? `there is no image in ${path}`
        : `there is no image ${name} in ${path}: it has ${offered}`
      : `there are ${fitting.length} images in ${path}: write one behind it, of ${offered}`;
  throw new EngineError(image === undefined ? 'ERR_IMAGE_NOT_FOUND' : 'ERR_IMAGE_AMBIGUOUS', complaint, {
    details: { archive: path, name },
  });
}

/** As it is written there, or as the same canonical name; a whole name is also found by its tag, as skopeo has it. */
function isCalled(wanted: string): (name: OfferedName) => boolean {
  return (name) => {
    if ('tag' in name) return name.tag === wanted;
    const canonical = canonicalOf(name.name);
    if (name.name === wanted || canonical === undefined) return name.name === wanted;
    return canonical === canonicalOf(wanted) || canonical.endsWith(`:${wanted}`);
  };
}

function canonicalOf(text: string): string | undefined {
  try {
    return formatReference(parseReference(text));
  } catch {
    return undefined;
  }
}

function textOf(name: OfferedName): string {
  return 'tag' in name ? name.tag : name.name;
}

/** The engine's own files, and of this machine what belongs to running programs. */
function hiddenBelow(path: string, root: string): string[] {
  const own = relative(path, root);
  return [...(own.startsWith('..') ? [] : [own]), ...(path === '/' ? ['run'] : [])];
}

/** A root file system as an image of one layer, without what is hidden. */
async function openDirectory(path: string, { stores, scratch, signal }: CopyContext): Promise<Origin> {
  const { fd, written } = readTree({ type: 'directory', path }, hiddenBelow(path, stores.root));
  const file = join(scratch, 'root.tar');
  const writing = pipeline(new Socket({ fd, writable: false }), createWriteStream(file), { signal });
  const [sent, arrived] = await Promise.allSettled([written, writing]);
  for (const end of [arrived, sent]) if (end.status === 'rejected') throw end.reason;
  const diffId = parseDigest(`sha256:${await hashFile(file)}`);
  const { size } = await stat(file);
  const image = rootImage({
    tar: { path: file, size, diffId },
    platform: hostPlatform(),
    created: creationTime(),
    comment: `Copied from @${path === '/' ? 'host' : path}`,
    changes: [],
  });
  return { ...image, [Symbol.asyncDispose]: async () => undefined };
}
