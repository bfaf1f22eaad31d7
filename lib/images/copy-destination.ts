import {
  type ImageToArchive,
  LayoutFolder,
  OciImages,
  PackedImages,
  type PackedLayer,
  PlainImages,
  writeDockerArchive,
  writeOciArchive,
} from '../archives/index.ts';
import { copyGraph, fetchBytes } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, type Digest, maxManifestSize } from '../oci/index.ts';
import { formatReference, type ImageReference } from '../reference/index.ts';
import { writeWhole } from '../scratch/index.ts';
import { layerCompression } from '../unpack/index.ts';
import type { CopiedContent } from './copy-image.ts';
import type { CopyContext } from './copy-origin.ts';
import type { ImageDocuments } from './fetch-documents.ts';
import { wantedPlatform } from './load-images.ts';
import type { ImageLocation } from './parse-location.ts';
import { publishName } from './publish-name.ts';
import { nameFor, storeImage } from './store-image.ts';
import { parseTag } from './tag-image.ts';

/** A place for an image. What fails leaves no image there. */
export interface Destination extends AsyncDisposable {
  /** Answers the digest that the image has there. */
  write(content: CopiedContent, onCopied: (descriptor: Descriptor) => void): Promise<Digest>;
}

/** @throws EngineError ERR_LAYOUT_INVALID, ERR_TRANSPORT_INVALID, ERR_REFERENCE_INVALID */
export async function openDestination(location: ImageLocation, context: CopyContext): Promise<Destination> {
  switch (location.transport) {
    case 'store':
      return storeDestination(formatReference(parseTag(location.name)), context);
    case 'docker':
      return registryDestination(location.reference, context);
    case 'oci':
      return layoutDestination(location.path, location.name, context);
    case 'oci-archive':
      return ociArchiveDestination(location.path, location.name, context);
    case 'docker-archive':
      return dockerArchiveDestination(location.path, location.name, context);
    case 'directory':
      throw invalid('an image cannot be copied into a root file system: run it, or export a container');
  }
}

function storeDestination(reference: string, { stores, signal, platform }: CopyContext): Destination {
  return withoutEnd(async (content, onCopied) => {
    const documents = requireImage(content, 'the store');
    const name = nameFor(stores, documents, { reference, platform: wantedPlatform(platform).platform });
    await storeImage(stores, documents, name, {
      source: content.source,
      signal,
      report: (step) => {
        if (step.type === 'layer' && (step.status === 'done' || step.status === 'exists'))
          onCopied(documents.layers[step.index]?.blob ?? documents.manifest);
      },
      publish: async () => {
        await publishName(stores.names, name);
      },
    });
    return documents.manifest.digest;
  });
}

async function registryDestination(reference: ImageReference, context: CopyContext): Promise<Destination> {
  const { stores, signal } = context;
  const sink = await stores.openSink(reference, { mountFrom: [] });
  return {
    write: async (content, onCopied) => {
      const { source, root } =
        reference.digest === undefined ? await withPackedLayers(content, context) : content;
      requireDigest(reference, root);
      await copyGraph(source, sink, root, { signal, onCopied, concurrency: stores.concurrency });
      const bytes = await fetchBytes(source, root, { limit: maxManifestSize, signal });
      await sink.putManifest(root, bytes, { tag: reference.tag, signal });
      return root.digest;
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

/** What is plain is packed on its way into a registry, as by a push. */
async function withPackedLayers(content: CopiedContent, context: CopyContext): Promise<CopiedContent> {
  const { documents, source } = content;
  const { format, level } = context.compression ?? { format: 'gzip' };
  const layers = layersOf(documents);
  if (
    documents === undefined ||
    format === 'none' ||
    layers.every(({ compression }) => compression !== 'none')
  )
    return content;
  const images = new PackedImages(source, context.scratch, context.signal);
  const root = await images.add({ config: documents.configDescriptor, layers }, { format, level });
  return { source: images, root, documents };
}

function layersOf(documents: ImageDocuments | undefined): PackedLayer[] {
  return (documents?.layers ?? []).map(({ blob, diffId }) => ({
    blob,
    diffId,
    compression: layerCompression(blob),
  }));
}

/** A digest says what the content must be; nobody can choose it. */
function requireDigest(reference: ImageReference, { digest }: Descriptor): void {
  if (reference.digest === undefined || reference.digest === digest) return;
  throw new EngineError(
    'ERR_REFERENCE_INVALID',
    `${formatReference(reference)} cannot be what is copied, which has the digest ${digest}: write that one, or a tag`,
    { details: { reference: formatReference(reference), digest } },
  );
}

async function layoutDestination(
  path: string,
  name: string | undefined,
  { signal, stores }: CopyContext,
): Promise<Destination> {
  const layout = await LayoutFolder.open(path);
  return {
    write: async ({ source, root }, onCopied) => {
      const images = new OciImages(source);
      const target = await images.add(root, signal);
      await copyGraph(images, layout, target, { signal, onCopied, concurrency: stores.concurrency });
      await layout.publish(target, name, signal);
      return target.digest;
    },
    [Symbol.asyncDispose]: () => layout[Symbol.asyncDispose](),
  };
}

function ociArchiveDestination(path: string, name: string | undefined, { signal }: CopyContext): Destination {
  return withoutEnd(async ({ source, root }, onCopied) => {
    const images = new OciImages(source);
    const target = await images.add(root, signal);
    const image: ImageToArchive = { target, references: [], refName: name };
    await writeWhole(path, writeOciArchive(images, [image], { signal }), { signal });
    onCopied(target);
    return target.digest;
  });
}

function dockerArchiveDestination(path: string, name: string | undefined, context: CopyContext): Destination {
  const { scratch, signal, stores } = context;
  const references = name === undefined ? [] : [formatReference(parseTag(name))];
  return withoutEnd(async (content, onCopied) => {
    const documents = requireImage(content, 'a docker-archive');
    const plain = new PlainImages(content.source, { scratch, signal, maxBytes: stores.limits.maxBytes });
    const target = await plain.add({ config: documents.configDescriptor, layers: layersOf(documents) });
    await writeWhole(path, writeDockerArchive(plain, [{ target, references }], { signal }), { signal });
    onCopied(target);
    return target.digest;
  });
}

function withoutEnd(write: Destination['write']): Destination {
  return { write, [Symbol.asyncDispose]: async () => undefined };
}

function requireImage({ documents }: CopiedContent, where: string): ImageDocuments {
  if (documents !== undefined) return documents;
  throw invalid(`${where} takes one image, not all of an index: leave out --all`);
}

function invalid(message: string): EngineError {
  return new EngineError('ERR_TRANSPORT_INVALID', message);
}
