import { EngineError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  digestOf,
  encodeIndex,
  formatPlatform,
  isManifestType,
  maxImageConfigSize,
  mediaTypes,
  normalizePlatform,
  type Platform,
  parseImageConfig,
  parseManifest,
} from '../oci/index.ts';
import { formatReference, type ImageReference, parseReference, pinReference } from '../reference/index.ts';
import type { RemoteRepository, RemoteSink } from '../registry-client/index.ts';
import { copyImage } from './copy-image.ts';
import { type Draft, type DraftEntry, DraftStore } from './draft-store.ts';

/** What manifest lists take from the rest of the engine. */
export interface ManifestListsOptions {
  /** Where drafts are kept. Made when the first is. */
  readonly folder: string;
  openRepository(reference: ImageReference): Promise<RemoteRepository>;
  openSink(
    reference: ImageReference,
    options: { readonly mountFrom: readonly string[] },
  ): Promise<RemoteSink>;
}

/** Manifests and manifest lists of registries, docker's `manifest`. Lists are drafts on this machine until they are pushed. */
export interface ManifestLists {
  /** A draft of that name, or else what a registry has: each manifest of it when it is a list. ERR_MANIFEST_NOT_FOUND; ERR_REGISTRY_*. */
  inspect(
    reference: string,
    options?: { readonly children?: boolean; readonly signal?: AbortSignal },
  ): Promise<InspectedManifest>;
  /**
   * A draft that lists images of registries, each for the platform that its config says; of one that is a list itself all
   * that it lists. `amend` adds to a draft that is there. ERR_MANIFEST_LIST_EXISTS; ERR_MANIFEST_NOT_FOUND; ERR_REGISTRY_*.
   */
  create(
    list: string,
    images: readonly string[],
    options?: { readonly amend?: boolean; readonly signal?: AbortSignal },
  ): Promise<string>;
  /** Says of an image of a draft what it is for. ERR_MANIFEST_LIST_NOT_FOUND; ERR_IMAGE_NOT_FOUND when it does not list it. */
  annotate(list: string, image: string, platform: AnnotatedPlatform): Promise<void>;
  /**
   * Stores the list under its name, after the images that its repository lacks: they are mounted or copied. It is a Docker
   * manifest list when all of them are Docker's, otherwise an OCI index. `purge`: the draft goes. ERR_MANIFEST_LIST_NOT_FOUND;
   * what Images.push fails with.
   */
  push(
    list: string,
    options?: { readonly purge?: boolean; readonly signal?: AbortSignal },
  ): Promise<PushedList>;
  /** Deletes a draft. ERR_MANIFEST_LIST_NOT_FOUND. */
  remove(list: string): Promise<void>;
}

export interface AnnotatedPlatform {
  readonly os?: string | undefined;
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
}

export interface InspectedManifest {
  /** Canonical. */
  readonly reference: string;
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  /** Of a list, when they are asked for. */
  readonly children: readonly InspectedManifest[];
}

export interface PushedList {
  readonly reference: string;
  readonly digest: Digest;
  readonly size: number;
}

/** Opens the lists in the making of a root. Nothing is made before the first is kept. */
export function openManifestLists(options: ManifestListsOptions): ManifestLists {
  const context: Context = { ...options, drafts: new DraftStore(options.folder) };
  return {
    inspect: async (reference, call = {}) => inspect(context, parseReference(reference), call),
    create: async (list, images, call = {}) => create(context, parseList(list), images, call),
    annotate: async (list, image, platform) => annotate(context, parseList(list), image, platform),
    push: async (list, call = {}) => push(context, parseList(list), call),
    remove: async (list) => {
      const { reference } = await requireDraft(context, parseList(list));
      await context.drafts.remove(reference);
    },
  };
}

interface Context extends ManifestListsOptions {
  readonly drafts: DraftStore;
}

async function inspect(
  context: Context,
  reference: ImageReference,
  { children = false, signal }: { children?: boolean; signal?: AbortSignal },
): Promise<InspectedManifest> {
  const name = formatReference(reference);
  const draft = await context.drafts.read(name);
  await using repository = await context.openRepository(reference);
  const top = draft ? encodeList(draft.entries) : await repository.resolve(undefined, signal && { signal });
  const document = parseManifest(top.bytes, top.descriptor.mediaType);
  const listed = children && document.kind === 'index' ? document.manifests : [];
  const sources = draft?.entries.map(({ source }) => source);
  return {
    reference: name,
    descriptor: top.descriptor,
    bytes: Buffer.from(top.bytes),
    children: await Promise.all(
      listed.map((descriptor, at) =>
        readChild(
          context,
          parseReference(sources?.[at] ?? pinned(reference, descriptor)),
          descriptor,
          signal,
        ),
      ),
    ),
  };
}

async function readChild(
  context: Context,
  reference: ImageReference,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<InspectedManifest> {
  await using repository = await context.openRepository(reference);
  const { bytes } = await repository.resolve(descriptor.digest, signal && { signal });
  return { reference: formatReference(reference), descriptor, bytes, children: [] };
}

async function create(
  context: Context,
  list: ImageReference,
  images: readonly string[],
  { amend = false, signal }: { amend?: boolean; signal?: AbortSignal },
): Promise<string> {
  const reference = formatReference(list);
  const before = await context.drafts.read(reference);
  if (before !== undefined && !amend) throw exists(reference);
  const found = await Promise.all(images.map((image) => entriesOf(context, parseReference(image), signal)));
  const entries = found.flat();
  const kept = (before?.entries ?? []).filter(
    ({ descriptor }) => !entries.some((entry) => entry.descriptor.digest === descriptor.digest),
  );
  await context.drafts.write({ reference, entries: [...kept, ...entries] });
  return reference;
}

/** An image of a registry, or all images of a list there. */
async function entriesOf(
  context: Context,
  reference: ImageReference,
  signal: AbortSignal | undefined,
): Promise<DraftEntry[]> {
  await using repository = await context.openRepository(reference);
  const { descriptor, bytes } = await repository.resolve(undefined, signal && { signal });
  const document = parseManifest(bytes, descriptor.mediaType);
  if (document.kind === 'index') {
    return document.manifests.map((listed) => ({ source: pinned(reference, listed), descriptor: listed }));
  }
  const config = await repository.fetchBytes(document.config, {
    limit: maxImageConfigSize,
    ...(signal && { signal }),
  });
  const { platform } = parseImageConfig(config);
  return [{ source: pinned(reference, descriptor), descriptor: { ...descriptor, platform } }];
}

async function annotate(
  context: Context,
  list: ImageReference,
  image: string,
  changes: AnnotatedPlatform,
): Promise<void> {
  const draft = await requireDraft(context, list);
  const wanted = await digestOfImage(context, parseReference(image));
  if (!draft.entries.some(({ descriptor }) => descriptor.digest === wanted)) throw notListed(draft, image);
  const entries = draft.entries.map((entry) =>
    entry.descriptor.digest === wanted
      ? {
          ...entry,
          descriptor: { ...entry.descriptor, platform: changed(entry.descriptor.platform, changes) },
        }
      : entry,
  );
  await context.drafts.write({ ...draft, entries });
}

async function digestOfImage(context: Context, reference: ImageReference): Promise<Digest> {
  if (reference.digest !== undefined) return reference.digest;
  await using repository = await context.openRepository(reference);
  return (await repository.describe()).digest;
}

function changed(platform: Platform | undefined, changes: AnnotatedPlatform): Platform {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  return normalizePlatform({ os: 'linux', architecture: 'amd64', ...platform, ...given });
}

async function push(
  context: Context,
  list: ImageReference,
  { purge = false, signal }: { purge?: boolean; signal?: AbortSignal },
): Promise<PushedList> {
  const draft = await requireDraft(context, list);
  const sources = draft.entries.map(({ source }) => parseReference(source));
  const mountFrom = sources.filter(({ domain, path }) => domain === list.domain && path !== list.path);
  await using sink = await context.openSink(list, { mountFrom: mountFrom.map(({ path }) => path) });
  for (const [at, { descriptor }] of draft.entries.entries()) {
    if (await sink.has(descriptor, signal && { signal })) continue;
    await using source = await context.openRepository(sources[at] as ImageReference);
    await copyImage(source, sink, descriptor, signal);
  }
  const { descriptor, bytes } = encodeList(draft.entries);
  await sink.putManifest(descriptor, bytes, { tag: list.tag, ...(signal && { signal }) });
  if (purge) await context.drafts.remove(draft.reference);
  return { reference: draft.reference, digest: descriptor.digest, size: descriptor.size };
}

function encodeList(entries: readonly DraftEntry[]): { descriptor: Descriptor; bytes: Buffer } {
  const children = entries.map(({ descriptor }) => descriptor);
  const areDockers = children.every(({ mediaType }) => mediaType === mediaTypes.dockerManifest);
  const mediaType = areDockers ? mediaTypes.dockerManifestList : mediaTypes.ociIndex;
  const bytes = encodeIndex(children, { mediaType });
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

async function requireDraft(context: Context, list: ImageReference): Promise<Draft> {
  const reference = formatReference(list);
  const draft = await context.drafts.read(reference);
  if (draft !== undefined) return draft;
  throw new EngineError(
    'ERR_MANIFEST_LIST_NOT_FOUND',
    `there is no manifest list ${reference} in the making here: create it first`,
    { details: { reference } },
  );
}

function parseList(text: string): ImageReference {
  const reference = parseReference(text);
  if (reference.digest === undefined) return reference;
  throw new EngineError(
    'ERR_REFERENCE_INVALID',
    `a manifest list is made under a tag, not under a digest: ${text}`,
    {
      details: { reference: text },
    },
  );
}

function pinned(reference: ImageReference, { digest }: Descriptor): string {
  return formatReference(pinReference(reference, digest));
}

function exists(reference: string): EngineError {
  return new EngineError(
    'ERR_MANIFEST_LIST_EXISTS',
    `the manifest list ${reference} is in the making already: add to it with --amend, or remove it first`,
    { details: { reference } },
  );
}

function notListed(draft: Draft, image: string): EngineError {
  const listed = draft.entries.map(
    ({ source, descriptor }) =>
      source +
      (isManifestType(descriptor.mediaType) && descriptor.platform
        ? ` (${formatPlatform(descriptor.platform)})`
        : ''),
  );
  return new EngineError(
    'ERR_IMAGE_NOT_FOUND',
    `${image} is not in the manifest list ${draft.reference}, which has ${listed.join(', ') || 'nothing'}: create it with --amend`,
    { details: { reference: draft.reference, image } },
  );
}
