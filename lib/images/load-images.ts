import { join } from 'node:path';
import { type ArchiveInput, type OfferedImage, openImageFile } from '../archives/index.ts';
import { type ContentSource, fetchBytes } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  hostPlatform,
  maxImageConfigSize,
  maxManifestSize,
  parsePlatform,
} from '../oci/index.ts';
import { formatReference, parseReference, pinReference } from '../reference/index.ts';
import { createScratch } from '../scratch/index.ts';
import { type DocumentSource, fetchDocuments, type WantedPlatform } from './fetch-documents.ts';
import type { ImageLoader } from './image-loader.ts';
import type { LoadedImage, LoadProgress } from './load-progress.ts';
import type { ImageName } from './name-store.ts';
import { namelessReference } from './nameless.ts';
import { publishName, publishNameless } from './publish-name.ts';
import { type ImageStores, nameFor, storeImage } from './store-image.ts';
import { storingError } from './storing-error.ts';

/** What a load takes from the rest of the engine. */
export interface LoadStores extends ImageStores {
  readonly root: string;
  readonly loader: ImageLoader;
}

export interface LoadOptions {
  readonly platform?: string;
  readonly signal?: AbortSignal;
}

/** See Images.load. */
export async function loadImages(
  stores: LoadStores,
  input: ArchiveInput,
  options: LoadOptions,
  report: (progress: LoadProgress) => void,
): Promise<LoadedImage[]> {
  const signal = options.signal ?? new AbortController().signal;
  try {
    signal.throwIfAborted();
    await using scratch = await createScratch(join(stores.root, 'content/ingest'));
    const opening = { scratch: scratch.path, maxBytes: stores.limits.maxBytes, signal };
    const { source, images } = await openImageFile(input, opening);
    const loading = new Loading(stores, source, { wanted: wantedPlatform(options.platform), signal, report });
    const loaded: LoadedImage[] = [];
    for (const image of images) loaded.push(await loading.load(image));
    return loaded;
  } catch (error) {
    throw storingError(error, { what: 'the load', root: stores.root, aborted: signal.aborted });
  }
}

/** The platform that was asked for, or this machine's. @throws EngineError ERR_PLATFORM_INVALID */
export function wantedPlatform(text: string | undefined): WantedPlatform {
  return {
    platform: text === undefined ? hostPlatform() : parsePlatform(text),
    explicit: text !== undefined,
  };
}

interface LoadContext {
  readonly wanted: WantedPlatform;
  readonly signal: AbortSignal;
  readonly report: (progress: LoadProgress) => void;
}

/** The images of one file, one after the other; the layers of each several at once. */
class Loading {
  readonly #stores: LoadStores;
  readonly #source: ContentSource;
  readonly #context: LoadContext;
  /** Layers of the images before. */
  #layers = 0;

  constructor(stores: LoadStores, source: ContentSource, context: LoadContext) {
    this.#stores = stores;
    this.#source = source;
    this.#context = context;
  }

  async load({ target, names }: OfferedImage): Promise<LoadedImage> {
    const { wanted, signal, report } = this.#context;
    const documents = await fetchDocuments(documentSource(this.#source, target), wanted, { signal });
    const own = [target.digest, documents.manifest.digest];
    const references = names.flatMap((name) => ('name' in name ? [canonical(name.name, own)] : []));
    for (const message of documents.warnings) report({ type: 'warning', message });
    const reference = namelessReference(documents.manifest.digest);
    const name = nameFor(this.#stores, documents, { reference, platform: wanted.platform });
    const before = this.#layers;
    this.#layers += documents.layers.length;
    await storeImage(this.#stores, documents, name, {
      source: this.#source,
      signal,
      report: (step) => {
        if (step.type === 'layer') report({ ...step, index: before + step.index });
      },
      publish: () => publish(this.#stores, name, references),
    });
    const image = await this.#stores.loader.load({ ...name, reference: references[0] ?? name.config.digest });
    const loaded = { image, references };
    report({ type: 'loaded', ...loaded });
    return loaded;
  }
}

/** All of an image's names, or none. */
async function publish({ names }: LoadStores, name: ImageName, references: readonly string[]): Promise<void> {
  if (references.length === 0) await publishNameless(names, name);
  for (const reference of references) await publishName(names, { ...name, reference });
}

/**
 * What a file says a name is may be anything: a name with a digest is taken from an image that has it (`own`) alone, for
 * whoever runs that name relies on it.
 */
function canonical(name: string, own: readonly Digest[]): string {
  const reference = parseReference(name);
  const { digest } = reference;
  if (digest === undefined) return formatReference(reference);
  if (own.includes(digest)) return formatReference(pinReference(reference, digest));
  throw new EngineError(
    'ERR_ARCHIVE_INVALID',
    `the archive gives the name ${name} to an image that has another digest, ${own[0]}: it was tampered with, or made by a tool that is wrong`,
    { details: { reference: name, digest: own[0] } },
  );
}

/** The documents of one image of a source that has no names. */
export function documentSource(source: ContentSource, target: Descriptor): DocumentSource {
  const { mediaType, digest, size } = target;
  const plain = { mediaType, digest, size };
  return {
    resolve: async (_, { signal } = {}) => {
      const bytes = await fetchBytes(source, plain, { limit: maxManifestSize, signal });
      return { descriptor: plain, bytes };
    },
    fetchBytes: (descriptor, { limit = maxImageConfigSize, signal } = {}) =>
      fetchBytes(source, descriptor, { limit, signal }),
  };
}
