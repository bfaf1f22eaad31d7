import { type ImageConfig, isIndexType, parseImageConfig } from '../../oci/index.ts';
import type { BlobDetail, ManifestKind } from '../api-documents.ts';
import { type ContentDigest, isContentDigest } from '../content-digest.ts';
import { type ContentLink, type ManifestDocument, tryReadManifestDocument } from '../manifest-document.ts';
import type { Repository, StoredManifest } from '../repository.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { kindOf } from './manifest-kind.ts';
import { readSmallBlob } from './small-blob.ts';

/** What can be told of one manifest without those that it names. */
export interface ManifestFacts {
  readonly manifest: StoredManifest;
  readonly document: ManifestDocument;
  readonly kind: ManifestKind;
  /** Bytes of its config and layers, each once. */
  readonly bytes: number;
  /** Of an image whose config can be read. */
  readonly config?: ImageConfig;
}

/** Of an image or artifact, or of an index itself. Undefined: it is not here, or its bytes were altered. */
export async function readFacts(
  storage: RegistryStorage,
  repository: Repository,
  digest: ContentDigest,
): Promise<ManifestFacts | undefined> {
  const manifest = await repository.manifest(digest);
  const document = manifest && tryReadManifestDocument(manifest.bytes, manifest.mediaType);
  if (manifest === undefined || document === undefined) return undefined;
  const kind = kindOf(document.mediaType, document.artifactType);
  const config = kind === 'image' ? await readConfig(storage, repository, document) : undefined;
  return { manifest, document, kind, bytes: sumOf(document.blobs), ...(config && { config }) };
}

/** Facts of those that an index names and that are here. An index within an index is not followed. */
export async function readChildren(
  storage: RegistryStorage,
  repository: Repository,
  { document }: ManifestFacts,
): Promise<ReadonlyMap<ContentDigest, ManifestFacts>> {
  const found = new Map<ContentDigest, ManifestFacts>();
  for (const { digest } of document.manifests.slice(0, mostChildren)) {
    const facts = await readFacts(storage, repository, digest);
    if (facts) found.set(digest, facts);
  }
  return found;
}

/** Manifests of an index that are looked into. */
export const mostChildren = 200;

/** Bytes of all that the manifests name, each once. */
export function sizeOfAll(facts: Iterable<ManifestFacts>): number {
  return sumOf([...facts].flatMap(({ document }) => document.blobs));
}

/** What an index says of its manifests, by their digests, before anything of it is believed. */
export function childrenOf({ manifest, document }: ManifestFacts): readonly ChildDescriptor[] {
  if (!isIndexType(document.mediaType)) return [];
  const { manifests = [] } = JSON.parse(manifest.bytes.toString()) as { manifests?: ChildDescriptor[] };
  return manifests;
}

interface ChildDescriptor {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType?: unknown;
  readonly platform?: { readonly os?: unknown; readonly architecture?: unknown; readonly variant?: unknown };
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** `linux/arm64/v8`; undefined for none, and for `unknown/unknown`, by which BuildKit marks attestations. */
export function platformOf({ platform }: ChildDescriptor): string | undefined {
  const { os, architecture, variant } = platform ?? {};
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === 'unknown') return undefined;
  return [os, architecture, ...(typeof variant === 'string' && variant !== '' ? [variant] : [])].join('/');
}

/** Layers as they stand in the manifest, with the names that their annotations give. */
export function blobsOf({ manifest }: ManifestFacts): BlobDetail[] {
  const { layers = [] } = JSON.parse(manifest.bytes.toString()) as { layers?: RawLayer[] };
  return layers.map(({ digest, mediaType, size, annotations }) => {
    const title = annotations?.['org.opencontainers.image.title'];
    return { digest, mediaType, size, ...(typeof title === 'string' && { title }) };
  });
}

interface RawLayer {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** Through the repository's link alone: a manifest that came from upstream may name what is another repository's here. */
async function readConfig(
  storage: RegistryStorage,
  repository: Repository,
  { blobs }: ManifestDocument,
): Promise<ImageConfig | undefined> {
  const digest = blobs[0]?.digest;
  if (digest === undefined || !isContentDigest(digest)) return undefined;
  const isHere = (await repository.blobSize(digest)) !== undefined;
  const bytes = isHere ? await readSmallBlob(storage, digest) : undefined;
  try {
    return bytes && parseImageConfig(bytes);
  } catch {
    return undefined;
  }
}

function sumOf(blobs: readonly ContentLink[]): number {
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
