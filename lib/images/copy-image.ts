import { join } from 'node:path';
import type { ContentSource } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import type { ImageReference } from '../reference/index.ts';
import type { RemoteSink } from '../registry-client/index.ts';
import { createScratch } from '../scratch/index.ts';
import { openDestination } from './copy-destination.ts';
import { openOrigin } from './copy-origin.ts';
import { fetchDocuments, type ImageDocuments } from './fetch-documents.ts';
import { documentSource, wantedPlatform } from './load-images.ts';
import { parseLocation } from './parse-location.ts';
import type { PullStores } from './pull-image.ts';
import type { PushCompression } from './push-progress.ts';
import { storingError } from './storing-error.ts';

/** What a copy takes from the rest of the engine. */
export interface CopyStores extends PullStores {
  openSink(
    reference: ImageReference,
    options: { readonly mountFrom: readonly string[] },
  ): RemoteSink | Promise<RemoteSink>;
}

export interface CopyImageOptions {
  /** Of several images behind one name the one for this platform; by default this machine's. */
  readonly platform?: string | undefined;
  /** All of them, and whatever else stands under that name. */
  readonly all?: boolean;
  /**
   * How a registry gets layers that are plain tars: by default gzip, as push() does. `none`: as they are. Packed layers go
   * digest for digest, and so does everything with `all`, or to a name with a digest.
   */
  readonly compression?: PushCompression | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a copy has made: the manifest or index, by its digest there. */
export interface CopiedImage {
  readonly digest: Digest;
}

/** Each blob that has arrived. */
export interface CopyProgress {
  readonly type: 'copied';
  readonly descriptor: Descriptor;
}

/** What is to be copied: all of a graph, and, unless it is copied whole, the image that it is. */
export interface CopiedContent {
  readonly source: ContentSource;
  readonly root: Descriptor;
  readonly documents: ImageDocuments | undefined;
}

/** See Images.copy. */
export async function copyImage(
  stores: CopyStores,
  from: string,
  to: string,
  options: CopyImageOptions,
  report: (progress: CopyProgress) => void,
): Promise<CopiedImage> {
  const signal = options.signal ?? new AbortController().signal;
  try {
    signal.throwIfAborted();
    refuseBoth(options);
    const [origin, destination] = [parseLocation(from), parseLocation(to)];
    await using scratch = await createScratch(join(stores.root, 'content/ingest'));
    const { platform, compression } = options;
    const context = { stores, scratch: scratch.path, signal, platform, compression };
    await using place = await openDestination(destination, context);
    await using opened = await openOrigin(origin, context);
    const content = await select(opened, options, signal);
    const digest = await place.write(content, (descriptor) => report({ type: 'copied', descriptor }));
    return { digest };
  } catch (error) {
    throw storingError(error, { what: 'the copy', root: stores.root, aborted: signal.aborted });
  }
}

function refuseBoth({ platform, all = false }: CopyImageOptions): void {
  if (!all || platform === undefined) return;
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    `${platform} and all platforms exclude each other: leave out one`,
  );
}

async function select(
  { source, target }: { readonly source: ContentSource; readonly target: Descriptor },
  { platform, all = false }: CopyImageOptions,
  signal: AbortSignal,
): Promise<CopiedContent> {
  if (all) return { source, root: target, documents: undefined };
  const documents = await fetchDocuments(documentSource(source, target), wantedPlatform(platform), {
    signal,
  });
  return { source, root: documents.manifest, documents };
}
