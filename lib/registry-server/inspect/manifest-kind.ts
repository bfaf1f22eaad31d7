import { isIndexType } from '../../oci/index.ts';
import type { ManifestKind } from '../api-documents.ts';

/** Parts of artifact and media types by which those who make them know them: cosign, notation, syft, trivy, in-toto. */
const kindsByType: readonly (readonly [RegExp, ManifestKind])[] = [
  [/cosign\.simplesigning|cosign\.artifact\.sig|notary|notation|sigstore\.bundle|signature/i, 'signature'],
  [/spdx|cyclonedx|syft|sbom/i, 'sbom'],
  [/in-toto|slsa|attestation|provenance|dsse/i, 'attestation'],
];

const kindsBySuffix: Readonly<Record<string, ManifestKind>> = {
  sig: 'signature',
  sbom: 'sbom',
  att: 'attestation',
};

/** What a manifest is, by its media type and its artifact type (for want of that its config's: image-spec, manifest.md). */
export function kindOf(mediaType: string, artifactType: string | undefined): ManifestKind {
  if (artifactType === undefined || isImageConfig(artifactType))
    return isIndexType(mediaType) ? 'index' : 'image';
  return (
    kindsByType.find(([pattern]) => pattern.test(artifactType))?.[1] ??
    (isIndexType(mediaType) ? 'index' : 'artifact')
  );
}

/** What is attached by a tag, as cosign before 2.0 does: `sha256-HEX.sig`. */
export function attachedByTag(
  tag: string,
): { readonly subject: string; readonly kind: ManifestKind } | undefined {
  const [, hex, suffix = ''] = /^sha256-([0-9a-f]{64})\.([a-z]+)$/.exec(tag) ?? [];
  const kind = kindsBySuffix[suffix];
  return hex === undefined || kind === undefined ? undefined : { subject: `sha256:${hex}`, kind };
}

/** Tags by which others attach something, or list what is attached (distribution-spec, "Referrers Tag Schema"). */
export function isAttachmentTag(tag: string): boolean {
  return /^sha(256|512)-[0-9a-f]{64,}(\.[a-z]+)?$/.test(tag);
}

function isImageConfig(type: string): boolean {
  return /^application\/vnd\.(oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(type);
}
