import type { BlobStore } from '../content/index.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  matchesPlatform,
  maxManifestSize,
  type Platform,
  parseManifest,
} from '../oci/index.ts';
import type { ResolvedManifest } from '../registry-client/index.ts';
import { type DocumentSource, fetchDocuments, type ImageDocuments } from './fetch-documents.ts';
import type { ImageName } from './name-store.ts';

/** An image that is here, by its documents, and by the entry of the index that lists it, if one does. */
export interface LocalImage {
  readonly documents: ImageDocuments;
  /** As the index has it: with platform and annotations. */
  readonly listed: Descriptor;
}

/** All that is here of what a name stands for. */
export interface LocalPlatforms {
  readonly images: readonly LocalImage[];
  /** The index; undefined when the name stands for one image. */
  readonly index: ResolvedManifest | undefined;
  /** Entries of the index that are not here. */
  readonly missing: readonly Descriptor[];
}

/**
 * The image of a name that suits the platform: its own when none is asked for, otherwise any of its index that is here.
 * @throws EngineError ERR_PLATFORM_NOT_FOUND with what would bring it here
 */
export async function localImage(
  blobs: BlobStore,
  name: ImageName,
  platform: Platform | undefined,
): Promise<LocalImage> {
  const own = { documents: await readDocuments(blobs, name.manifest), listed: name.manifest };
  if (platform === undefined || matchesPlatform(own.documents.config.platform, platform)) return own;
  const wanted = { platform, explicit: true };
  const signal = new AbortController().signal;
  const documents = await fetchDocuments(storeAsSource(blobs, name.target), wanted, { signal }).catch(
    (error) => {
      throw isEngineError(error, 'ERR_BLOB_NOT_FOUND') ? notHere(name, platform) : error;
    },
  );
  return { documents, listed: documents.manifest };
}

/** Every platform of a name's index that is here. */
export async function localPlatforms(blobs: BlobStore, name: ImageName): Promise<LocalPlatforms> {
  const bytes = await blobs.read(name.target, maxManifestSize);
  const index = parseManifest(bytes, name.target.mediaType);
  if (index.kind !== 'index') {
    return { images: [await localImage(blobs, name, undefined)], index: undefined, missing: [] };
  }
  const found = await Promise.all(index.manifests.map((listed) => readListed(blobs, listed)));
  return {
    images: found.filter((image) => image !== undefined),
    index: { descriptor: name.target, bytes },
    missing: index.manifests.filter((_, at) => found[at] === undefined),
  };
}

async function readListed(blobs: BlobStore, listed: Descriptor): Promise<LocalImage | undefined> {
  if (!blobs.has(listed.digest)) return undefined;
  const documents = await readDocuments(blobs, listed).catch((error) => {
    // An attestation, or an image whose config is gone.
    if (isEngineError(error, 'ERR_BLOB_NOT_FOUND') || isEngineError(error, 'ERR_MEDIA_TYPE_UNSUPPORTED'))
      return undefined;
    throw error;
  });
  return documents && { documents, listed };
}

/** Of one manifest, whatever its platform. */
function readDocuments(blobs: BlobStore, manifest: Descriptor): Promise<ImageDocuments> {
  const any = { platform: { os: 'linux', architecture: 'any' }, explicit: false };
  return fetchDocuments(storeAsSource(blobs, manifest), any, { signal: new AbortController().signal });
}

function storeAsSource(blobs: BlobStore, target: Descriptor): DocumentSource {
  return {
    resolve: async () => ({ descriptor: plain(target), bytes: await blobs.read(target, maxManifestSize) }),
    fetchBytes: (descriptor, options = {}) => blobs.read(descriptor, options.limit ?? maxManifestSize),
  };
}

function plain({ mediaType, digest, size }: Descriptor): { mediaType: string; digest: Digest; size: number } {
  return { mediaType, digest, size };
}

function notHere({ reference, target }: ImageName, platform: Platform): EngineError {
  const wanted = formatPlatform(platform);
  return new EngineError(
    'ERR_PLATFORM_NOT_FOUND',
    `${reference} is not here for ${wanted}: pull it first, with --platform ${wanted}`,
    { details: { reference, platform: wanted, digest: target.digest } },
  );
}
