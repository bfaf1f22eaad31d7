import { join } from 'node:path';
import type { Leases, SmallBlob } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  digestOf,
  encodeIndex,
  encodeManifest,
  formatPlatform,
  mediaTypes,
  type Platform,
  parsePlatform,
} from '../oci/index.ts';
import {
  familiarName,
  formatReference,
  type ImageReference,
  parseReference,
  pinReference,
  repositoryName,
} from '../reference/index.ts';
import type { ExplicitCredentials, RemoteSink } from '../registry-client/index.ts';
import { createScratch } from '../scratch/index.ts';
import type { ImageLoader } from './image-loader.ts';
import type { PushImageOptions } from './images.ts';
import { type LocalImage, type LocalPlatforms, localImage, localPlatforms } from './local-documents.ts';
import { findMountSources } from './mount-sources.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { pushError } from './push-error.ts';
import { BlobPusher, type PushLayerStores } from './push-layers.ts';
import type { PushedImage, PushProgress } from './push-progress.ts';

/** What a push takes from the rest of the engine. */
export interface PushStores extends PushLayerStores {
  readonly root: string;
  readonly names: NameStore;
  readonly loader: ImageLoader;
  readonly leases: Leases;
  readonly concurrency: number;
  openSink(
    reference: ImageReference,
    options: { readonly mountFrom: readonly string[]; readonly credentials?: ExplicitCredentials },
  ): RemoteSink | Promise<RemoteSink>;
}

/** An image as it is in the repository. */
interface Stored {
  readonly image: LocalImage;
  readonly manifest: SmallBlob;
  readonly repacked: boolean;
}

/** See Images.push. */
export async function pushImage(
  stores: PushStores,
  text: string,
  options: PushImageOptions,
  report: (progress: PushProgress) => void,
): Promise<PushedImage> {
  const signal = options.signal ?? new AbortController().signal;
  try {
    return await new Push(stores, parsePushed(text), { ...options, signal }, report).run();
  } catch (error) {
    throw pushError(error, { reference: text, aborted: signal.aborted });
  }
}

class Push {
  readonly #stores: PushStores;
  readonly #reference: ImageReference;
  readonly #options: PushImageOptions & { readonly signal: AbortSignal };
  readonly #report: (progress: PushProgress) => void;

  constructor(
    stores: PushStores,
    reference: ImageReference,
    options: PushImageOptions & { readonly signal: AbortSignal },
    report: (progress: PushProgress) => void,
  ) {
    this.#stores = stores;
    this.#reference = reference;
    this.#options = options;
    this.#report = report;
  }

  async run(): Promise<PushedImage> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const name = await this.#stores.names.read(formatReference(this.#reference));
    if (name === undefined) throw notHere(this.#reference);
    const found = await this.#select(name);
    await using _lease = await this.#stores.leases.take(needsOf(name, found.images));
    const wanted = new Set(found.images.flatMap(digestsOf));
    const sources = await findMountSources(this.#stores, this.#reference, wanted);
    await using scratch = await createScratch(join(this.#stores.root, 'content/ingest'));
    const { concurrency } = this.#stores;
    const { compression, credentials } = this.#options;
    await using sink = await this.#stores.openSink(this.#reference, {
      mountFrom: sources.paths,
      ...(credentials && { credentials }),
    });
    const pusher = new BlobPusher(this.#stores, {
      ...{ sink, sources, compression, scratch, signal, concurrency },
      report: this.#report,
    });
    const stored = await Promise.all(found.images.map((image) => this.#pushBlobs(image, pusher)));
    const target = await this.#pushDocuments(sink, found, stored);
    await this.#remember(name, stored);
    return this.#done(target, stored);
  }

  async #select(name: ImageName): Promise<LocalPlatforms> {
    const { platform, allPlatforms } = this.#options;
    const { blobs } = this.#stores;
    if (!allPlatforms) {
      const wanted: Platform | undefined = platform === undefined ? undefined : parsePlatform(platform);
      return { images: [await localImage(blobs, name, wanted)], index: undefined, missing: [] };
    }
    const found = await localPlatforms(blobs, name);
    if (found.missing.length > 0) this.#report({ type: 'warning', message: leftOut(found.missing) });
    return found;
  }

  /** Layers and config; the manifest that lists them as they are there. */
  async #pushBlobs(image: LocalImage, pusher: BlobPusher): Promise<Stored> {
    const { layers, configDescriptor, blobs } = image.documents;
    const config = bytesOf(blobs, configDescriptor.digest);
    const [pushed] = await Promise.all([
      Promise.all(layers.map((layer) => pusher.layer(layer))),
      pusher.config(configDescriptor, config),
    ]);
    const repacked = pushed.some(({ digest }, at) => digest !== layers[at]?.blob.digest);
    if (repacked) return { image, manifest: manifestOf(image, pushed), repacked };
    const descriptor = image.documents.manifest;
    return { image, manifest: { descriptor, bytes: bytesOf(blobs, descriptor.digest) }, repacked };
  }

  /** What is listed comes before what lists it, and the tag last. */
  async #pushDocuments(
    sink: RemoteSink,
    { index, missing }: LocalPlatforms,
    stored: readonly Stored[],
  ): Promise<Descriptor> {
    const { signal } = this.#options;
    const { tag } = this.#reference;
    const [first] = stored;
    if (first === undefined) throw nothingHere(this.#reference);
    if (index === undefined) {
      await sink.putManifest(first.manifest.descriptor, first.manifest.bytes, { tag, signal });
      return first.manifest.descriptor;
    }
    for (const { manifest } of stored)
      await sink.putManifest(manifest.descriptor, manifest.bytes, { signal });
    const isWhole = missing.length === 0 && !stored.some(({ repacked }) => repacked);
    const { descriptor, bytes } = isWhole ? index : indexOf(stored);
    await sink.putManifest(descriptor, bytes, { tag, signal });
    return descriptor;
  }

  /** The name by digest, which says that the repository has it: docker's RepoDigests. */
  async #remember(name: ImageName, stored: readonly Stored[]): Promise<void> {
    const { names, blobs, leases } = this.#stores;
    for (const { image, manifest, repacked } of stored) {
      const { digest } = manifest.descriptor;
      const reference = formatReference(pinReference(this.#reference, digest));
      if ((await names.read(reference)) !== undefined) continue;
      await using _lease = await leases.take({ blobs: [digest], chainIds: [] });
      if (repacked) await blobs.putAll([manifest]);
      const { configDescriptor, layers, config } = image.documents;
      const kept = [digest, configDescriptor.digest, ...layers.map(({ blob }) => blob.digest)];
      await names.write({
        ...name,
        reference,
        target: manifest.descriptor,
        manifest: manifest.descriptor,
        config: configDescriptor,
        platform: formatPlatform(config.platform),
        chainIds: layers.map(({ chainId }) => chainId),
        blobs: kept.filter((one) => one === digest || blobs.has(one)),
      });
    }
  }

  #done({ digest, size }: Descriptor, stored: readonly Stored[]): PushedImage {
    const pushed: PushedImage = {
      reference: formatReference(this.#reference),
      ...{ digest, size },
      platforms: stored.map(({ image }) => formatPlatform(image.documents.config.platform)),
      repacked: stored.some(({ repacked }) => repacked),
    };
    this.#report({ type: 'done', pushed });
    return pushed;
  }
}

function needsOf(
  name: ImageName,
  images: readonly LocalImage[],
): { blobs: readonly Digest[]; chainIds: readonly Digest[] } {
  return {
    blobs: [...name.blobs, ...images.flatMap(digestsOf)],
    chainIds: images.flatMap(({ documents }) => documents.layers.map(({ chainId }) => chainId)),
  };
}

function digestsOf({ documents }: LocalImage): Digest[] {
  const { blobs, layers } = documents;
  return [...blobs.map(({ descriptor }) => descriptor.digest), ...layers.map(({ blob }) => blob.digest)];
}

function bytesOf(blobs: readonly SmallBlob[], digest: Digest): Uint8Array {
  const found = blobs.find(({ descriptor }) => descriptor.digest === digest);
  if (found === undefined) throw new TypeError(`${digest} is none of the documents`);
  return found.bytes;
}

/** Of an image with other layers' bytes: in OCI's form, since Docker's knows no zstd. */
function manifestOf({ documents }: LocalImage, layers: readonly Descriptor[]): SmallBlob {
  const config = { ...documents.configDescriptor, mediaType: mediaTypes.ociConfig };
  const types = new Map<string, string>([
    [mediaTypes.dockerLayer, mediaTypes.ociLayer],
    [mediaTypes.dockerLayerGzip, mediaTypes.ociLayerGzip],
    [mediaTypes.dockerLayerZstd, mediaTypes.ociLayerZstd],
  ]);
  const asOci = layers.map((layer) => ({
    ...layer,
    mediaType: types.get(layer.mediaType) ?? layer.mediaType,
  }));
  return documentOf(mediaTypes.ociManifest, encodeManifest({ config, layers: asOci }));
}

function indexOf(stored: readonly Stored[]): SmallBlob {
  const manifests = stored.map(({ image, manifest }) => ({ ...image.listed, ...manifest.descriptor }));
  return documentOf(mediaTypes.ociIndex, encodeIndex(manifests));
}

function documentOf(mediaType: string, bytes: Buffer): SmallBlob {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** A push gives content a name, and so needs a tag; the registry computes the digest. */
function parsePushed(text: string): ImageReference {
  const reference = parseReference(text);
  if (reference.digest === undefined) return reference;
  throw new EngineError(
    'ERR_REFERENCE_INVALID',
    `cannot push ${text}: a digest cannot be chosen; push a tag, such as ${familiarName({ ...pinned(reference), tag: 'latest' })}`,
    { details: { reference: text } },
  );
}

function pinned({ domain, path }: ImageReference): ImageReference {
  return { domain, path };
}

function leftOut(missing: readonly Descriptor[]): string {
  const names = missing.map(({ platform, digest }) => {
    const name = platform && formatPlatform(platform);
    return name === undefined || name === 'unknown/unknown' ? digest : name;
  });
  return `not here, and left out of the pushed index, which so has another digest: ${names.join(', ')}; pull what is missing with --platform first`;
}

function notHere(reference: ImageReference): EngineError {
  const name = familiarName(reference);
  return new EngineError(
    'ERR_IMAGE_NOT_FOUND',
    `there is no image ${name} here to push: give an image that name first, with: strake tag IMAGE ${name}`,
    { details: { reference: name } },
  );
}

function nothingHere(reference: ImageReference): EngineError {
  return new EngineError(
    'ERR_PLATFORM_NOT_FOUND',
    `nothing that ${repositoryName(reference)} lists is here: pull it with --platform first`,
    { details: { reference: formatReference(reference) } },
  );
}
