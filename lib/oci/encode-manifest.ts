import type { Annotations, Descriptor } from './descriptor.ts';
import { mediaTypes } from './media-types.ts';

/** The document of an OCI image manifest. The same parts make the same bytes. */
export function encodeManifest(parts: {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Annotations;
}): Buffer {
  return encode(mediaTypes.ociManifest, {
    config: plain(parts.config),
    layers: parts.layers.map(plain),
    annotations: parts.annotations,
  });
}

/** The document of an OCI index, or (`mediaType`) a Docker list; its descriptors keep platform and annotations. */
export function encodeIndex(
  manifests: readonly Descriptor[],
  options: { readonly annotations?: Annotations; readonly mediaType?: string } = {},
): Buffer {
  return encode(options.mediaType ?? mediaTypes.ociIndex, {
    manifests: manifests.map(descriptorDocument),
    annotations: options.annotations,
  });
}

function encode(mediaType: string, fields: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** In the document's own spelling: `os.version`, not `osVersion`. */
function descriptorDocument(descriptor: Descriptor): Readonly<Record<string, unknown>> {
  const { platform, annotations, artifactType } = descriptor;
  return {
    ...plain(descriptor),
    platform: platform && {
      architecture: platform.architecture,
      os: platform.os,
      'os.version': platform.osVersion,
      'os.features': platform.osFeatures,
      variant: platform.variant,
    },
    annotations,
    artifactType,
  };
}
