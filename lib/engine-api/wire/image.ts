import type {
  Image,
  ImageHistory,
  ImageSummary,
  ImageUsage,
  PrunedImages,
  RemovedImage,
} from '../../images/index.ts';
import { type Healthcheck, type ImageProcess, noProcess } from '../../oci/index.ts';
import { familiarName, parseReference } from '../../reference/index.ts';
import { unixSeconds, zeroTime } from './times.ts';

/** A name of the store as Docker shows it: without docker.io/ and library/. */
export function familiar(reference: string): string {
  return familiarName(parseReference(reference));
}

/** What a list of images says beyond the images themselves. */
export interface SummaryOptions {
  /** The API's minor version. */
  readonly minor: number;
  /** Which of its names are shown: all, unless a `reference` filter chose. */
  readonly shows?: (reference: string) => boolean;
  /** Containers of the image; absent: not counted. */
  readonly containers?: number | undefined;
  /** Bytes that other images have as well; absent: not measured. */
  readonly sharedSize?: number | undefined;
}

/** Docker's ImageSummary. Until 1.42 an image without names has placeholders; since 1.44 there is no VirtualSize. */
export function imageSummary(image: ImageSummary, options: SummaryOptions) {
  const { minor, shows = () => true, containers = -1, sharedSize = -1 } = options;
  const tags = image.references.filter(shows).map(familiar);
  const digests = image.digests.filter(shows).map(familiar);
  const isBare = minor < 43 && tags.length === 0 && digests.length === 0;
  return {
    Id: image.id,
    ParentId: '',
    RepoTags: isBare ? ['<none>:<none>'] : tags,
    RepoDigests: isBare ? ['<none>@<none>'] : digests,
    Created: unixSeconds(image.createdAt),
    Size: image.size,
    SharedSize: sharedSize,
    ...(minor < 44 && { VirtualSize: image.size }),
    Labels: image.labels,
    Containers: containers,
  };
}

/** An image in the disk usage: measured, so that nothing is -1. */
export function usedImage(image: ImageUsage, minor: number) {
  return imageSummary(image, { minor, containers: image.containers, sharedSize: image.sharedSize });
}

/**
 * Docker's ImageInspect. `summary`: the same image with all of its names. The configuration of the container that an image was
 * committed from (until 1.44) is not kept, and so empty.
 */
export function imageInspect(image: Image, summary: ImageSummary | undefined, minor: number) {
  const { config, platform, manifest } = image;
  const size = summary?.size ?? 0;
  const created = config.created ?? (minor < 44 ? zeroTime : undefined);
  return {
    Id: image.id,
    RepoTags: (summary?.references ?? []).map(familiar),
    RepoDigests: (summary?.digests ?? []).map(familiar),
    ...text('Parent', '', minor),
    ...text('Comment', config.history.at(-1)?.comment ?? '', minor),
    ...(created !== undefined && { Created: created }),
    ...(minor < 45 && { Container: '', ContainerConfig: imageConfig(noProcess, minor) }),
    ...text('DockerVersion', '', minor),
    ...text('Author', config.author ?? '', minor),
    Config: imageConfig(config.process, minor),
    Architecture: platform.architecture,
    ...(platform.variant && { Variant: platform.variant }),
    Os: platform.os,
    ...(platform.osVersion && { OsVersion: platform.osVersion }),
    Size: size,
    ...(minor < 44 && { VirtualSize: size }),
    GraphDriver: { Name: 'overlay2', Data: {} },
    RootFS: { Type: 'layers', Layers: config.diffIds },
    Metadata: { LastTagTime: zeroTime },
    ...(minor >= 48 && {
      Descriptor: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size },
    }),
  };
}

/** Since 1.52 what is empty is left out. */
function text(name: string, value: string, minor: number): Record<string, string> {
  return minor >= 52 && value === '' ? {} : { [name]: value };
}

/** What only containers have, and the API shows for images, always empty, until 1.49. */
const containersOwn = {
  Hostname: '',
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: '',
};

/** An image's process defaults, as Docker's ContainerConfig. Nothing is null until 1.51, and left out since. */
export function imageConfig(process: ImageProcess, minor: number): Record<string, unknown> {
  const labels = Object.keys(process.labels).length === 0 ? null : process.labels;
  const config = {
    ...(minor < 50 && containersOwn),
    User: process.user ?? '',
    Env: listOrNull(process.env),
    Cmd: listOrNull(process.cmd),
    Volumes: setOrNull(process.volumes),
    WorkingDir: process.workingDir ?? '',
    Entrypoint: listOrNull(process.entrypoint),
    OnBuild: listOrNull(process.onBuild),
    Labels: labels,
  };
  const kept = Object.entries(config).filter(([, value]) => minor < 52 || (value !== null && value !== ''));
  return {
    ...Object.fromEntries(kept),
    ...(process.exposedPorts.length > 0 && { ExposedPorts: setOrNull(process.exposedPorts) }),
    ...(process.healthcheck && { Healthcheck: healthConfig(process.healthcheck) }),
    ...(process.stopSignal && { StopSignal: process.stopSignal }),
    ...(process.shell && { Shell: process.shell }),
  };
}

/** Docker's HealthConfig; times in nanoseconds. */
export function healthConfig(check: Healthcheck) {
  return {
    Test: check.test,
    ...(check.interval && { Interval: check.interval }),
    ...(check.timeout && { Timeout: check.timeout }),
    ...(check.startPeriod && { StartPeriod: check.startPeriod }),
    ...(check.startInterval && { StartInterval: check.startInterval }),
    ...(check.retries && { Retries: check.retries }),
  };
}

/** Docker's HistoryResponseItem; `tags`: the image's names, which are the newest step's. */
export function historyItem(step: ImageHistory, tags: readonly string[]) {
  return {
    Id: step.id ?? '<missing>',
    Created: unixSeconds(step.createdAt),
    CreatedBy: step.createdBy,
    Tags: step.id !== null && tags.length > 0 ? tags.map(familiar) : null,
    Size: step.size,
    Comment: step.comment,
  };
}

/** Docker's ImageDeleteResponseItem. */
export function removedImage(removed: RemovedImage) {
  return 'untagged' in removed ? { Untagged: familiar(removed.untagged) } : { Deleted: removed.deleted };
}

/** The answer of a prune. */
export function prunedImages({ removed, bytes }: PrunedImages) {
  const deleted = removed.map(removedImage);
  return { ImagesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: bytes };
}

function listOrNull(values: readonly string[]): readonly string[] | null {
  return values.length === 0 ? null : values;
}

/** Go's set of texts. */
function setOrNull(names: readonly string[]): Record<string, object> | null {
  return names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, {}]));
}
