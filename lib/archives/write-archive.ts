import { type ContentSource, fetchBytes, listGraph, verifiedBody } from '../content/index.ts';
import {
  type Descriptor,
  type Digest,
  digestHex,
  encodeIndex,
  type Manifest,
  maxManifestSize,
  parseManifest,
} from '../oci/index.ts';
import { familiarName, familiarRepository, parseReference } from '../reference/index.ts';
import { blobPath, imageAnnotations, layoutVersion, namedEntry } from './oci-layout.ts';
import { type ArchiveMember, documentMember, folderMember, writeTar } from './write-tar.ts';

/** An image that is to stand in an archive. */
export interface ImageToArchive {
  readonly target: Descriptor;
  /** Its names there, with tags: `docker.io/library/debian:12`. */
  readonly references: readonly string[];
  /** Instead of them in the layout's index: any text by which it is found there. */
  readonly refName?: string | undefined;
}

export interface ArchiveOptions {
  readonly signal?: AbortSignal | undefined;
  /** The source's bytes are verified already, on their way or before. */
  readonly verified?: boolean;
}

/**
 * An OCI layout (image-spec 1.1 image-layout.md) as a tar: documents first, then every blob that the images refer to, once.
 * The same images make the same bytes. @throws what the source throws; ERR_BLOB_*_MISMATCH, and then the tar is cut
 */
export async function* writeOciArchive(
  source: ContentSource,
  images: readonly ImageToArchive[],
  options: ArchiveOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* writeTar([...layoutDocuments(images), ...(await blobMembers(source, images, options))]);
}

/**
 * A docker-archive as `docker save` writes it since 25: an OCI layout with `manifest.json` and `repositories` in
 * addition, so that every docker, podman and OCI tool reads it. Every target must be the manifest of an image whose layers
 * are plain tars (see PlainImages). @throws as writeOciArchive
 */
export async function* writeDockerArchive(
  source: ContentSource,
  images: readonly ImageToArchive[],
  options: ArchiveOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const manifests = await Promise.all(
    images.map(({ target }) => readManifest(source, target, options.signal)),
  );
  yield* writeTar([
    ...layoutDocuments(images),
    ...dockerDocuments(images, manifests),
    ...(await blobMembers(source, images, options)),
  ]);
}

function layoutDocuments(images: readonly ImageToArchive[]): ArchiveMember[] {
  const entries = images.flatMap((image) => indexEntries(image));
  return [
    documentMember('oci-layout', Buffer.from(layoutVersion)),
    documentMember('index.json', encodeIndex(entries)),
  ];
}

/** One for each name, as docker and buildkit have it. */
function indexEntries({ target, references, refName }: ImageToArchive): Descriptor[] {
  if (refName !== undefined) return [namedEntry(target, refName)];
  if (references.length === 0) return [target];
  return references.map((reference) => ({ ...target, annotations: imageAnnotations(reference) }));
}

async function blobMembers(
  source: ContentSource,
  images: readonly ImageToArchive[],
  { signal, verified = false }: ArchiveOptions,
): Promise<ArchiveMember[]> {
  const blobs = new Map<Digest, Descriptor>();
  for (const { target } of images) {
    for (const blob of await listGraph(source, target, { signal })) blobs.set(blob.digest, blob);
  }
  const members = [...blobs.values()].map((blob) => ({
    path: blobPath(blob.digest),
    size: blob.size,
    body: () => bodyOf(source, blob, { signal, verified }),
  }));
  return [folderMember('blobs/'), folderMember('blobs/sha256/'), ...members];
}

async function* bodyOf(
  source: ContentSource,
  blob: Descriptor,
  { signal, verified }: ArchiveOptions,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  if (blob.size === 0) return;
  const body = await source.fetch(blob, signal && { signal });
  yield* verified ? body : verifiedBody(blob, body);
}

/** moby/image/spec v1.2: `manifest.json`, and what came before it. */
function dockerDocuments(images: readonly ImageToArchive[], manifests: readonly Manifest[]): ArchiveMember[] {
  const entries = images.map(({ references }, at) => ({
    Config: blobPath((manifests[at] as Manifest).config.digest),
    RepoTags: references.length === 0 ? null : references.map((name) => familiarName(parseReference(name))),
    Layers: (manifests[at] as Manifest).layers.map(({ digest }) => blobPath(digest)),
  }));
  const repositories = repositoriesOf(images, manifests);
  return [
    documentMember('manifest.json', encode(entries)),
    ...(Object.keys(repositories).length > 0 ? [documentMember('repositories', encode(repositories))] : []),
  ];
}

/** `{repository: {tag: top layer}}`. */
function repositoriesOf(
  images: readonly ImageToArchive[],
  manifests: readonly Manifest[],
): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const [at, { references }] of images.entries()) {
    const top = manifests[at]?.layers.at(-1);
    for (const reference of references.map(parseReference)) {
      const name = familiarRepository(reference);
      if (top)
        repositories[name] = { ...repositories[name], [reference.tag ?? 'latest']: digestHex(top.digest) };
    }
  }
  return repositories;
}

async function readManifest(
  source: ContentSource,
  target: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const bytes = await fetchBytes(source, target, { limit: maxManifestSize, signal });
  const document = parseManifest(bytes, target.mediaType);
  if (document.kind === 'index') throw new TypeError(`${target.digest} is an index`);
  return document;
}

function encode(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document));
}
