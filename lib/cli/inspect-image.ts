import type { Image, ImageSummary } from '../images/index.ts';
import { familiar } from './image-names.ts';

/** What `docker image inspect` prints of an image. `summary`: the same image with all of its names. */
export function imageDocument(image: Image, summary: ImageSummary | undefined): Record<string, unknown> {
  const { config, platform, manifest } = image;
  const last = config.history.at(-1);
  return {
    Id: image.id,
    RepoTags: (summary?.references ?? []).map(familiar),
    RepoDigests: (summary?.digests ?? []).map(familiar),
    Parent: '',
    Comment: last?.comment ?? '',
    Created: config.created ?? '0001-01-01T00:00:00Z',
    Author: config.author ?? '',
    Config: processDocument(config.process),
    Architecture: platform.architecture,
    ...(platform.variant && { Variant: platform.variant }),
    Os: platform.os,
    ...(platform.osVersion && { OsVersion: platform.osVersion }),
    Size: summary?.size ?? 0,
    RootFS: { Type: 'layers', Layers: config.diffIds },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
    Descriptor: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size },
  };
}

function processDocument(process: Image['config']['process']): Record<string, unknown> {
  const set = (names: readonly string[]) =>
    names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, {}]));
  return {
    User: process.user ?? '',
    ExposedPorts: set(process.exposedPorts),
    Env: process.env,
    Cmd: listOrNull(process.cmd),
    ...(process.healthcheck && { Healthcheck: healthDocument(process.healthcheck) }),
    Volumes: set(process.volumes),
    WorkingDir: process.workingDir ?? '',
    Entrypoint: listOrNull(process.entrypoint),
    OnBuild: listOrNull(process.onBuild),
    Labels: Object.keys(process.labels).length === 0 ? null : process.labels,
    ...(process.stopSignal && { StopSignal: process.stopSignal }),
    ...(process.shell && { Shell: process.shell }),
  };
}

function healthDocument(check: NonNullable<Image['config']['process']['healthcheck']>) {
  return {
    Test: check.test,
    ...(check.interval && { Interval: check.interval }),
    ...(check.timeout && { Timeout: check.timeout }),
    ...(check.startPeriod && { StartPeriod: check.startPeriod }),
    ...(check.startInterval && { StartInterval: check.startInterval }),
    ...(check.retries && { Retries: check.retries }),
  };
}

function listOrNull(values: readonly string[]): readonly string[] | null {
  return values.length === 0 ? null : values;
}
