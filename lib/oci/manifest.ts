import { EngineError } from '../errors/index.ts';
import { type Annotations, type Descriptor, readDescriptor } from './descriptor.ts';
import { type JsonObject, parseJsonObject } from './json.ts';
import { isIndexType, isManifestType, isSchema1Type } from './media-types.ts';

/** Bytes of the largest manifest or index that is read; the OCI distribution-spec asks registries to accept as much. */
export const maxManifestSize = 4 * 1024 * 1024;

/** Overlay takes at most 500 lower directories, and Docker makes 127 at most. */
const maxLayers = 1000;
const maxManifests = 4096;

/** An image manifest: OCI image-spec 1.1 manifest.md, or Docker schema 2, which has the same fields. */
export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Base layer first. */
  readonly layers: readonly Descriptor[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

/** An index (OCI image-index.md) or a Docker manifest list: one manifest per platform, or anything else by descriptor. */
export interface Index {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

/**
 * Parses a manifest or an index whose digest has been verified. The media type is the one by which the content was
 * served or described; a document that claims another, or that could be read both ways, is refused, since a digest
 * must not mean two images (CVE-2021-41190).
 * @throws EngineError ERR_MANIFEST_INVALID, ERR_DIGEST_INVALID, ERR_SCHEMA1_UNSUPPORTED, ERR_MEDIA_TYPE_UNSUPPORTED
 */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest | Index {
  refuseOtherTypes(mediaType);
  const source = parseJsonObject(bytes, 'manifest', maxManifestSize, 'ERR_MANIFEST_INVALID');
  refuseAmbiguity(source, mediaType);
  return isIndexType(mediaType) ? readIndex(source, mediaType) : readManifest(source, mediaType);
}

function refuseOtherTypes(mediaType: string): void {
  if (isIndexType(mediaType) || isManifestType(mediaType)) return;
  const details = { mediaType: mediaType.slice(0, 255) };
  if (isSchema1Type(mediaType)) throw schema1(details);
  throw new EngineError(
    'ERR_MEDIA_TYPE_UNSUPPORTED',
    `cannot read a manifest of media type ${JSON.stringify(details.mediaType)}: it is neither an OCI nor a Docker schema 2 image`,
    { details },
  );
}

function refuseAmbiguity(source: JsonObject, mediaType: string): void {
  const version = source.integer('schemaVersion');
  if (version === 1) throw schema1({ mediaType });
  if (version !== 2) throw source.error('schemaVersion', 'must be 2');
  const claimed = source.string('mediaType', 255);
  if (claimed !== undefined && claimed !== '' && claimed !== mediaType) {
    throw source.error('mediaType', `says ${claimed}, but it was served or described as ${mediaType}`);
  }
  const foreign = isIndexType(mediaType) ? ['config', 'layers', 'fsLayers'] : ['manifests', 'fsLayers'];
  const found = foreign.find((name) => source.has(name));
  if (found) throw source.error(found, `does not belong into ${mediaType}`);
}

function readManifest(source: JsonObject, mediaType: string): Manifest {
  const layers = source.objects('layers', maxLayers);
  if (layers === undefined) throw source.error('layers', 'is missing');
  return {
    kind: 'manifest',
    mediaType,
    config: readDescriptor(source.requiredObject('config')),
    layers: layers.map(readDescriptor),
    ...readCommon(source),
  };
}

function readIndex(source: JsonObject, mediaType: string): Index {
  const manifests = source.objects('manifests', maxManifests);
  if (manifests === undefined) throw source.error('manifests', 'is missing');
  return { kind: 'index', mediaType, manifests: manifests.map(readDescriptor), ...readCommon(source) };
}

function readCommon(source: JsonObject): Pick<Manifest, 'artifactType' | 'subject' | 'annotations'> {
  const artifactType = source.string('artifactType', 255);
  const subject = source.object('subject');
  const annotations = source.stringMap('annotations');
  return {
    ...(artifactType && { artifactType }),
    ...(subject && { subject: readDescriptor(subject) }),
    ...(annotations && { annotations }),
  };
}

function schema1(details: Record<string, unknown>): EngineError {
  return new EngineError(
    'ERR_SCHEMA1_UNSUPPORTED',
    'this is a Docker schema 1 manifest, a format withdrawn because its content cannot be verified; push the image again with a current client',
    { details },
  );
}
