import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore, Leases, Partials, SmallBlob } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  chainId,
  chainIds,
  type Descriptor,
  type Digest,
  digestOf,
  encodeImageConfig,
  encodeManifest,
  formatPlatform,
  type History,
  type ImageConfig,
  maxImageConfigSize,
  maxManifestSize,
  mediaTypes,
  parseDigest,
  parseImageConfig,
  parseManifest,
} from '../oci/index.ts';
import { formatReference } from '../reference/index.ts';
import { createScratch } from '../scratch/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { type LayerLimits, unpackLayer } from '../unpack/index.ts';
import { applyChanges } from './changes.ts';
import { maxLayers } from './fetch-documents.ts';
import type { Image } from './image.ts';
import type { ImageLoader } from './image-loader.ts';
import type { AddedLayer } from './images.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { publishName, publishNameless } from './publish-name.ts';
import { parseTag } from './tag-image.ts';

/** What adding a layer takes from the rest of the engine. */
export interface AddLayerStores {
  readonly root: string;
  readonly names: NameStore;
  readonly blobs: BlobStore;
  readonly leases: Leases;
  readonly partials: Partials;
  readonly snapshots: Snapshotter;
  readonly loader: ImageLoader;
  readonly limits: LayerLimits;
}

/** The image that the layer is put upon. */
interface Base {
  readonly config: ImageConfig;
  /** As its manifest names them, base first. */
  readonly layers: readonly Descriptor[];
}

/** A layer's tar in a file, and what it is. */
interface WrittenLayer {
  readonly diffId: Digest;
  readonly size: number;
  readonly path: string;
}

/** See Images.addLayer. */
export async function addLayer(stores: AddLayerStores, added: AddedLayer): Promise<Image> {
  const reference = added.reference === undefined ? undefined : formatReference(parseTag(added.reference));
  const base = await readBase(stores.blobs, added.base);
  const process = applyChanges(added.process, added.changes ?? []);
  await using scratch = await createScratch(join(stores.root, 'content/ingest'));
  const layer = await write(added, join(scratch.path, 'layer.tar'));
  if (layer !== null) refuseTooMany(base, added.base);
  const documents = describe(base, layer, { ...added, process });
  const draft = nameOf(documents, base, stores);
  await using _lease = await stores.leases.take(draft);
  await requireBase(stores.snapshots, draft.chainIds.slice(0, base.config.diffIds.length), added.base);
  const name = {
    ...draft,
    blobs: draft.blobs.filter((digest) => isOwn(documents, digest) || stores.blobs.has(digest)),
  };
  if (layer !== null) await storeLayer(stores, documents.config.diffIds, layer, added.signal);
  await stores.blobs.putAll(documents.blobs);
  added.signal?.throwIfAborted();
  if (reference === undefined) await publishNameless(stores.names, name);
  else await publishName(stores.names, { ...name, reference });
  return stores.loader.load({ ...name, reference: reference ?? name.config.digest });
}

async function readBase(blobs: BlobStore, descriptor: Descriptor): Promise<Base> {
  const manifest = parseManifest(await blobs.read(descriptor, maxManifestSize), descriptor.mediaType);
  if (manifest.kind !== 'manifest') throw new TypeError(`${descriptor.digest} is an index`);
  const config = parseImageConfig(await blobs.read(manifest.config, maxImageConfigSize));
  return { config, layers: manifest.layers };
}

/** The lease keeps it from here on; until here another process may have removed it. */
async function requireBase(
  snapshots: Snapshotter,
  chainIds: readonly Digest[],
  { digest }: Descriptor,
): Promise<void> {
  if ((await Promise.all(chainIds.map((chainId) => snapshots.has(chainId)))).every(Boolean)) return;
  throw new EngineError(
    'ERR_IMAGE_NOT_FOUND',
    `the image below, ${digest}, was removed meanwhile: pull it and try again`,
    { details: { digest } },
  );
}

/** One more could be stored, and neither be run nor pulled. */
function refuseTooMany({ layers }: Base, { digest }: Descriptor): void {
  if (layers.length < maxLayers) return;
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    `cannot put one more layer on the image ${digest}: it has ${layers.length}, and overlayfs stacks at most ${maxLayers}; ` +
      'export the container and import that, which makes one layer of all',
    { details: { digest } },
  );
}

/** null: nothing has changed, and there is no layer. */
async function write(added: AddedLayer, path: string): Promise<WrittenLayer | null> {
  const { digest, size, entries } = await added.writeLayer(path);
  added.signal?.throwIfAborted();
  return entries === 0 ? null : { diffId: parseDigest(digest), size, path };
}

interface Documents {
  readonly config: ImageConfig;
  readonly configDescriptor: Descriptor;
  readonly manifest: Descriptor;
  readonly blobs: readonly SmallBlob[];
  /** Of the new layer. */
  readonly layer: Descriptor | null;
}

function describe(base: Base, layer: WrittenLayer | null, added: AddedLayer): Documents {
  const config = configOf(base.config, layer, added);
  const layerDescriptor = layer && { mediaType: mediaTypes.ociLayer, digest: layer.diffId, size: layer.size };
  const configBlob = smallBlob(mediaTypes.ociConfig, encodeImageConfig(config));
  const manifestBlob = smallBlob(
    mediaTypes.ociManifest,
    encodeManifest({
      config: configBlob.descriptor,
      layers: layerDescriptor === null ? base.layers : [...base.layers, layerDescriptor],
    }),
  );
  return {
    config,
    configDescriptor: configBlob.descriptor,
    manifest: manifestBlob.descriptor,
    blobs: [configBlob, manifestBlob],
    layer: layerDescriptor,
  };
}

function configOf(base: ImageConfig, layer: WrittenLayer | null, added: AddedLayer): ImageConfig {
  const { created, author, comment, createdBy } = added;
  const entry: History = {
    created,
    createdBy,
    ...(author && { author }),
    ...(comment && { comment }),
    emptyLayer: layer === null,
  };
  return {
    platform: base.platform,
    created,
    ...(author && { author }),
    process: added.process,
    diffIds: layer === null ? base.diffIds : [...base.diffIds, layer.diffId],
    history: [...completeHistory(base), entry],
  };
}

/** One entry for each layer, as whoever reads a history expects: an image may come without any. */
function completeHistory({ history, diffIds }: ImageConfig): readonly History[] {
  const told = history.filter(({ emptyLayer }) => !emptyLayer).length;
  const missing = Array.from({ length: diffIds.length - told }, () => ({ emptyLayer: false }));
  return [...missing, ...history];
}

/** Of the blobs below, those are the image's that the store keeps. */
function isOwn({ blobs, layer }: Documents, digest: Digest): boolean {
  return digest === layer?.digest || blobs.some(({ descriptor }) => descriptor.digest === digest);
}

function nameOf(documents: Documents, base: Base, { snapshots }: AddLayerStores): ImageName {
  const { manifest, configDescriptor, config, layer } = documents;
  return {
    reference: '',
    target: manifest,
    manifest,
    config: configDescriptor,
    platform: formatPlatform(config.platform),
    chainIds: chainIds(config.diffIds),
    blobs: [
      manifest.digest,
      configDescriptor.digest,
      ...base.layers.map(({ digest }) => digest),
      ...(layer !== null && !snapshots.keepsTars ? [layer.digest] : []),
    ],
    pulledAt: new Date().toISOString(),
  };
}

/**
 * Brings the layer into the snapshotter on the way that a downloaded one takes, with the tar as a download that is
 * complete. A store that keeps no tars keeps it as a blob, so that the image can be pushed and saved.
 */
async function storeLayer(
  stores: AddLayerStores,
  diffIds: readonly Digest[],
  layer: WrittenLayer,
  signal = new AbortController().signal,
): Promise<void> {
  const { snapshots, partials, blobs, limits } = stores;
  const blob = { mediaType: mediaTypes.ociLayer, digest: layer.diffId, size: layer.size };
  const [parent, own] = [chainId(diffIds.slice(0, -1)), chainId(diffIds) as Digest];
  await using claim = await partials.claim(own, blob.digest, { signal });
  await rename(layer.path, claim.path);
  if (!(await snapshots.has(own))) {
    await using unpacked = await unpackLayer(
      { blob, diffId: layer.diffId, chainId: own },
      { source: blobs, snapshotter: snapshots, partial: claim.path, limits, signal, onProgress: () => {} },
    );
    await unpacked.stage(parent);
    await unpacked.commit();
  }
  if (!snapshots.keepsTars) await blobs.adopt(blob, claim.path);
  await rm(claim.path, { force: true });
}

function smallBlob(mediaType: string, bytes: Buffer): SmallBlob {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
