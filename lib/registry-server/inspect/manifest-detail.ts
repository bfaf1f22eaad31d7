import { formatPlatform, type ImageConfig } from '../../oci/index.ts';
import type {
  BlobDetail,
  ChildManifest,
  ImageDetail,
  LayerDetail,
  ManifestDetail,
  ReferrerDetail,
} from '../api-documents.ts';
import type { ContentDigest } from '../content-digest.ts';
import type { ReferrerDescriptor, Repository } from '../repository.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import {
  blobsOf,
  childrenOf,
  type ManifestFacts,
  platformOf,
  readChildren,
  readFacts,
  sizeOfAll,
} from './manifest-facts.ts';
import { attachedByTag, kindOf } from './manifest-kind.ts';

/** All that can be told of a manifest without unpacking anything; undefined: it is not here. */
export async function describeManifest(
  storage: RegistryStorage,
  repository: Repository,
  digest: ContentDigest,
  referrers: readonly ReferrerDescriptor[],
): Promise<Omit<ManifestDetail, 'may'> | undefined> {
  const facts = await readFacts(storage, repository, digest);
  if (facts === undefined) return undefined;
  const { document, manifest, kind, config } = facts;
  const children = await readChildren(storage, repository, facts);
  const [tags, attached] = await tagsAbout(repository, digest);
  return {
    repository: repository.name,
    digest,
    mediaType: document.mediaType,
    kind,
    size: manifest.size,
    bytes: sizeOfAll([facts, ...children.values()]),
    tags,
    ...(document.artifactType !== undefined && { artifactType: document.artifactType }),
    annotations: document.annotations ?? {},
    ...(document.subject && { subject: document.subject }),
    ...(config && { image: describeImage(config, blobsOf(facts)) }),
    blobs: config ? [] : blobsOf(facts),
    manifests: childrenOf(facts).map((child) => describeChild(child, children)),
    referrers: [...referrers.map(describeReferrer), ...attached],
  };
}

function describeImage(config: ImageConfig, layers: readonly BlobDetail[]): ImageDetail {
  const { platform, created, author, process } = config;
  const { user, workingDir, entrypoint, cmd, env, exposedPorts, volumes, labels } = process;
  return {
    platform: formatPlatform(platform),
    ...(created && { created }),
    ...(author && { author }),
    ...(user && { user }),
    ...(workingDir && { workingDir }),
    entrypoint,
    cmd,
    env,
    exposedPorts,
    volumes,
    labels,
    layers: joinHistory(config, layers),
  };
}

/** A step of the history that made a layer has the next one; layers that the history does not tell of stand at the end. */
function joinHistory({ history }: ImageConfig, layers: readonly BlobDetail[]): LayerDetail[] {
  const rest = [...layers];
  const steps = history.map(({ createdBy, created, comment, emptyLayer }): LayerDetail => {
    const blob = emptyLayer ? undefined : rest.shift();
    return {
      ...(createdBy && { createdBy }),
      ...(created && { created }),
      ...(comment && { comment }),
      ...(blob && { blob }),
    };
  });
  return [...steps, ...rest.map((blob) => ({ blob }))];
}

function describeChild(
  child: ReturnType<typeof childrenOf>[number],
  children: ReadonlyMap<ContentDigest, ManifestFacts>,
): ChildManifest {
  const facts = children.get(child.digest as ContentDigest);
  const isAttestation = child.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
  const artifactType = typeof child.artifactType === 'string' ? child.artifactType : undefined;
  const platform =
    platformOf(child) ??
    (isAttestation || !facts?.config ? undefined : formatPlatform(facts.config.platform));
  return {
    digest: child.digest,
    mediaType: child.mediaType,
    kind: isAttestation ? 'attestation' : (facts?.kind ?? kindOf(child.mediaType, artifactType)),
    ...(platform && { platform }),
    ...(facts && { bytes: facts.bytes }),
  };
}

function describeReferrer({
  digest,
  mediaType,
  artifactType,
  size,
  annotations,
}: ReferrerDescriptor): ReferrerDetail {
  return {
    digest,
    mediaType,
    kind: kindOf(mediaType, artifactType),
    ...(artifactType && { artifactType }),
    size,
    annotations: annotations ?? {},
  };
}

/** Tags that stand for a manifest, and what cosign's older versions attach to it by tags. */
async function tagsAbout(
  repository: Repository,
  digest: ContentDigest,
): Promise<readonly [string[], ReferrerDetail[]]> {
  const [own, attached]: [string[], ReferrerDetail[]] = [[], []];
  for (const tag of await repository.tags()) {
    const found = attachedByTag(tag);
    if (found === undefined && (await repository.resolveTag(tag)) === digest) own.push(tag);
    if (found?.subject !== digest) continue;
    const target = await repository.resolveTag(tag);
    const link = target && (await repository.manifestLink(target));
    if (target && link)
      attached.push({
        digest: target,
        mediaType: link.mediaType,
        kind: found.kind,
        size: link.size,
        annotations: {},
        tag,
      });
  }
  return [own, attached];
}
