import type { PrunedVolumes, VolumeInfo } from '../../volumes/index.ts';

/** What a volume takes, for the disk usage alone. */
export interface MeasuredVolume {
  readonly size: number;
  readonly containers: number;
}

/** Docker's Volume, with the label that docker marks an anonymous one with. */
export function volumeDocument(info: VolumeInfo, measured?: MeasuredVolume) {
  return {
    CreatedAt: info.createdAt,
    Driver: 'local',
    Labels: volumeLabels(info),
    Mountpoint: info.mountpoint,
    Name: info.name,
    Options: info.driverOptions ?? {},
    Scope: 'local',
    ...(measured && { UsageData: { Size: measured.size, RefCount: measured.containers } }),
  };
}

function volumeLabels({ anonymous, labels }: VolumeInfo): Readonly<Record<string, string>> {
  return anonymous ? { 'com.docker.volume.anonymous': '', ...labels } : labels;
}

/** The answer of a prune. */
export function prunedVolumes({ removed, bytes }: PrunedVolumes) {
  return { VolumesDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: bytes };
}
