import type { DiskUsage, UsageOf } from '../../engine/index.ts';
import type { VolumeInfo } from '../../volumes/index.ts';
import { usedImage } from './image.ts';
import { volumeDocument } from './volume.ts';

/** What can be asked for with `type`. */
export const usageTypes = ['container', 'image', 'volume', 'build-cache'] as const;
export type UsageType = (typeof usageTypes)[number];

/** What the documents are made of, beside the measure. */
export interface UsageParts {
  /** The API's minor version. */
  readonly minor: number;
  readonly types: ReadonlySet<UsageType>;
  /** Since 1.52: with the items, and without the fields of before. */
  readonly verbose: boolean;
  /** The containers' summaries with their sizes. */
  readonly containers: readonly object[];
  readonly volumes: readonly VolumeInfo[];
}

/**
 * The answer of `/system/df`: lists of what there is until 1.51; sums of each kind since 1.52, which has both unless it is asked
 * for more.
 */
export function diskUsage(usage: DiskUsage, parts: UsageParts): Record<string, unknown> {
  const { minor, verbose } = parts;
  return {
    ...(minor < 53 && !(minor >= 52 && verbose) && usageLists(usage, parts)),
    ...(minor >= 52 && usageSums(usage, parts)),
  };
}

function usageLists(usage: DiskUsage, parts: UsageParts) {
  const { minor, types } = parts;
  return {
    ...(types.has('image') && {
      LayersSize: usage.images.size,
      Images: imageItems(usage, minor),
    }),
    ...(types.has('container') && { Containers: parts.containers }),
    ...(types.has('volume') && { Volumes: volumeItems(usage, parts) }),
    ...(types.has('build-cache') && { BuildCache: [], ...(minor < 42 && { BuilderSize: 0 }) }),
  };
}

function usageSums(usage: DiskUsage, parts: UsageParts) {
  const { minor, types, verbose } = parts;
  const sum = (of: UsageOf<unknown>, items: () => readonly object[]) => ({
    ActiveCount: of.active,
    TotalCount: of.total,
    Reclaimable: of.reclaimable,
    TotalSize: of.size,
    ...(verbose && { Items: items() }),
  });
  return {
    ...(types.has('image') && { ImageUsage: sum(usage.images, () => imageItems(usage, minor)) }),
    ...(types.has('container') && { ContainerUsage: sum(usage.containers, () => parts.containers) }),
    ...(types.has('volume') && { VolumeUsage: sum(usage.volumes, () => volumeItems(usage, parts)) }),
    ...(types.has('build-cache') && { BuildCacheUsage: sum(usage.buildCache, () => []) }),
  };
}

function imageItems(usage: DiskUsage, minor: number) {
  return usage.images.items.map((image) => usedImage(image, minor));
}

function volumeItems(usage: DiskUsage, { volumes }: UsageParts) {
  const measures = new Map(usage.volumes.items.map((volume) => [volume.name, volume]));
  return volumes.map((info) =>
    volumeDocument(info, measures.get(info.name) ?? { size: 0, containers: info.containers.length }),
  );
}
