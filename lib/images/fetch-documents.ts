import type { SmallBlob } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  chainIds,
  type Descriptor,
  formatPlatform,
  type ImageConfig,
  isImageConfigType,
  isIndexType,
  isManifestType,
  type Manifest,
  matchesPlatform,
  maxImageConfigSize,
  maxManifestSize,
  type Platform,
  parseImageConfig,
  parseManifest,
  selectPlatform,
} from '../oci/index.ts';
import type { RemoteRepository } from '../registry-client/index.ts';
import { layerCompression } from '../unpack/index.ts';
import type { ImageLayer } from './image.ts';

/** An index may name another index; more levels than this are refused. */
const maxIndexDepth = 3;

/** Overlayfs takes at most 500 lower directories (fs/overlayfs/overlayfs.h, OVL_MAX_STACK). */
export const maxLayers = 500;

/** Where documents come from. What it answers has been verified. */
export type DocumentSource = Pick<RemoteRepository, 'resolve' | 'fetchBytes'>;

export interface WantedPlatform {
  readonly platform: Platform;
  /** Whether the caller asked for it; otherwise an image of another platform is only worth a warning. */
  readonly explicit: boolean;
}

/** Everything about an image but its layers' bytes. */
export interface ImageDocuments {
  readonly target: Descriptor;
  readonly manifest: Descriptor;
  readonly configDescriptor: Descriptor;
  readonly config: ImageConfig;
  /** Base first. */
  readonly layers: readonly ImageLayer[];
  readonly blobs: readonly SmallBlob[];
  readonly warnings: readonly string[];
}

/**
 * Reads from the name (or `pinned`, a digest) down to the config of the image that suits the platform, and refuses what
 * could not be unpacked before the first layer is fetched.
 */
export async function fetchDocuments(
  source: DocumentSource,
  wanted: WantedPlatform,
  options: { readonly pinned?: string | undefined; readonly signal: AbortSignal },
): Promise<ImageDocuments> {
  const { signal } = options;
  const target = await source.resolve(options.pinned, { signal });
  const path = await descend(source, target, wanted.platform, signal);
  const { manifest } = path;
  refuseOtherArtifacts(manifest);
  const configBytes = await source.fetchBytes(manifest.config, { limit: maxImageConfigSize, signal });
  const config = parseImageConfig(configBytes);
  return {
    target: target.descriptor,
    manifest: path.descriptor,
    configDescriptor: manifest.config,
    config,
    layers: pairLayers(manifest, config, path.descriptor),
    blobs: [...path.blobs, { descriptor: manifest.config, bytes: configBytes }],
    warnings: checkPlatform(config, wanted),
  };
}

/** From an index down to the manifest that suits the platform. */
async function descend(
  source: DocumentSource,
  target: SmallBlob,
  platform: Platform,
  signal: AbortSignal,
): Promise<{ descriptor: Descriptor; manifest: Manifest; blobs: SmallBlob[] }> {
  const blobs = [target];
  let current = target;
  while (blobs.length <= maxIndexDepth + 1) {
    const document = parseManifest(current.bytes, current.descriptor.mediaType);
    if (document.kind === 'manifest')
      return { descriptor: plain(current.descriptor), manifest: document, blobs };
    const descriptor = selectManifest(document.manifests, platform, current.descriptor);
    current = { descriptor, bytes: await source.fetchBytes(descriptor, { limit: maxManifestSize, signal }) };
    blobs.push(current);
  }
  throw invalidManifest(target.descriptor, `its indexes are nested more than ${maxIndexDepth} deep`);
}

function selectManifest(offers: readonly Descriptor[], platform: Platform, index: Descriptor): Descriptor {
  const images = offers.filter(({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType));
  const chosen = selectPlatform(images, platform);
  if (chosen) return chosen;
  const available = [
    ...new Set(images.flatMap((image) => (image.platform ? [formatPlatform(image.platform)] : []))),
  ];
  throw new EngineError(
    'ERR_PLATFORM_NOT_FOUND',
    `there is no image for ${formatPlatform(platform)} in ${index.digest}: it has ${available.join(', ') || 'none at all'}`,
    { details: { digest: index.digest, platform: formatPlatform(platform), available } },
  );
}

function refuseOtherArtifacts({ config }: Manifest): void {
  if (isImageConfigType(config.mediaType)) return;
  throw new EngineError(
    'ERR_MEDIA_TYPE_UNSUPPORTED',
    `this is no container image: its config has the media type ${JSON.stringify(config.mediaType.slice(0, 255))}`,
    { details: { mediaType: config.mediaType.slice(0, 255) } },
  );
}

function pairLayers(manifest: Manifest, config: ImageConfig, descriptor: Descriptor): ImageLayer[] {
  const { layers } = manifest;
  if (layers.length > maxLayers) {
    throw invalidManifest(
      descriptor,
      `it has ${layers.length} layers, and overlayfs stacks at most ${maxLayers}: join the ` +
        'instructions that make them, or have its layers squashed where it is built (`podman build --squash-all`)',
    );
  }
  if (layers.length !== config.diffIds.length) {
    throw invalidManifest(
      descriptor,
      `it has ${layers.length} layers, but its config has ${config.diffIds.length} diff_ids`,
    );
  }
  for (const layer of layers) layerCompression(layer);
  const chain = chainIds(config.diffIds);
  return layers.map((blob, at) => ({ blob, diffId: nth(config.diffIds, at), chainId: nth(chain, at) }));
}

function checkPlatform(config: ImageConfig, wanted: WantedPlatform): string[] {
  if (matchesPlatform(config.platform, wanted.platform)) return [];
  const message = `the image is for ${formatPlatform(config.platform)} and not for ${formatPlatform(wanted.platform)}`;
  if (!wanted.explicit) return [`${message}: its programs may not run here`];
  throw new EngineError('ERR_PLATFORM_NOT_FOUND', `${message}: ask for a platform that it offers`, {
    details: { platform: formatPlatform(wanted.platform), available: [formatPlatform(config.platform)] },
  });
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function nth<T>(list: readonly T[], at: number): T {
  return list[at] as T;
}

function invalidManifest(descriptor: Descriptor, complaint: string): EngineError {
  return new EngineError('ERR_MANIFEST_INVALID', `cannot use the image ${descriptor.digest}: ${complaint}`, {
    details: { digest: descriptor.digest },
  });
}
