import { hasLabel } from './labels.ts';
import type { VolumeFilters, VolumeInfo } from './volumes.ts';

/** What docker marks an anonymous volume with; filters find it. */
const anonymousLabel = { 'com.docker.volume.anonymous': '' };

/** See VolumeFilters. */
export function matches(info: VolumeInfo, { name, label, notLabel, dangling }: VolumeFilters): boolean {
  const labels = info.anonymous ? { ...anonymousLabel, ...info.labels } : info.labels;
  return (
    (name === undefined || name.some((part) => info.name.includes(part))) &&
    (label ?? []).every((text) => hasLabel(labels, text)) &&
    !(notLabel ?? []).some((text) => hasLabel(labels, text)) &&
    (dangling === undefined || (info.containers.length === 0) === dangling)
  );
}
