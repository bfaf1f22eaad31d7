import { type Digest, parseDigest } from './digest.ts';
import type { JsonObject } from './json.ts';
import { normalizePlatform, type Platform } from './platform.ts';

/** Free text about a manifest or a blob, keyed by reversed domain names (OCI image-spec, annotations.md). */
export type Annotations = Readonly<Record<string, string>>;

/** What content is, its name and its length in bytes (OCI image-spec 1.1, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** bytes */
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Annotations;
  readonly artifactType?: string;
  /** Where else the content may be had; only foreign layers use it, and nothing here follows it. */
  readonly urls?: readonly string[];
}

/** Reads a descriptor from a document. @throws what the document's code says, or ERR_DIGEST_INVALID */
export function readDescriptor(source: JsonObject): Descriptor {
  const size = source.integer('size');
  if (size === undefined) throw source.error('size', 'is missing');
  const platform = source.object('platform');
  const annotations = source.stringMap('annotations');
  const artifactType = source.string('artifactType');
  const urls = source.strings('urls', 100);
  return {
    mediaType: source.requiredString('mediaType', 255),
    digest: parseDigest(source.requiredString('digest')),
    size,
    ...(platform && { platform: readPlatform(platform) }),
    ...(annotations && { annotations }),
    ...(artifactType && { artifactType }),
    ...(urls && urls.length > 0 && { urls }),
  };
}

/** Reads `os`, `architecture`, `variant`, `os.version` and `os.features`, as a descriptor and an image config have them. */
export function readPlatform(source: JsonObject): Platform {
  const variant = source.string('variant', 100);
  const osVersion = source.string('os.version', 100);
  const osFeatures = source.strings('os.features', 100);
  return normalizePlatform({
    os: source.requiredString('os', 100),
    architecture: source.requiredString('architecture', 100),
    ...(variant && { variant }),
    ...(osVersion && { osVersion }),
    ...(osFeatures && { osFeatures }),
  });
}
