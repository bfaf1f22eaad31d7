/**
 * The OCI documents as values: digest, descriptor, manifest, index, image config, platform, chain id. Parsers are pure,
 * bounded, and refuse what is ambiguous; they expect bytes whose digest has been verified. Nothing here opens a file or
 * a socket, and nothing knows how a registry or a store names or keeps content.
 */
export { chainId, chainIds } from './chain-id.ts';
export type { Annotations, Descriptor } from './descriptor.ts';
export { type Digest, digestHex, digestOf, isDigest, parseDigest } from './digest.ts';
export { encodeImageConfig } from './encode-image-config.ts';
export { encodeIndex, encodeManifest } from './encode-manifest.ts';
export {
  type Healthcheck,
  type History,
  type ImageConfig,
  type ImageProcess,
  maxImageConfigSize,
  noProcess,
  parseImageConfig,
} from './image-config.ts';
export { JsonObject } from './json.ts';
export { type Index, type Manifest, maxManifestSize, parseManifest } from './manifest.ts';
export {
  type Compression,
  compressionOf,
  isForeignLayerType,
  isImageConfigType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  manifestMediaTypes,
  mediaTypes,
} from './media-types.ts';
export {
  formatPlatform,
  hostPlatform,
  matchesPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
  platformCandidates,
  selectPlatform,
} from './platform.ts';
export type {
  RuntimeCapabilities,
  RuntimeDevice,
  RuntimeDeviceRule,
  RuntimeHook,
  RuntimeHooks,
  RuntimeIdMapping,
  RuntimeLinux,
  RuntimeMount,
  RuntimeNamespace,
  RuntimeProcess,
  RuntimeResources,
  RuntimeRlimit,
  RuntimeRoot,
  RuntimeSeccomp,
  RuntimeSeccompAction,
  RuntimeSeccompRule,
  RuntimeSpec,
  RuntimeUser,
} from './runtime-spec.ts';
