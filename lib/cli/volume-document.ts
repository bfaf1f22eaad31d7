import type { VolumeInfo } from '../volumes/index.ts';

/** docker's document of a volume (Engine API, "Volume"). */
export function volumeDocument(info: VolumeInfo) {
  return {
    CreatedAt: info.createdAt,
    Driver: 'local',
    Labels: volumeLabels(info),
    Mountpoint: info.mountpoint,
    Name: info.name,
    Options: info.driverOptions,
    Scope: 'local',
  };
}

/** With the label that docker marks an anonymous volume with; null for none. */
export function volumeLabels({ anonymous, labels }: VolumeInfo): Readonly<Record<string, string>> | null {
  const all = anonymous ? { 'com.docker.volume.anonymous': '', ...labels } : labels;
  return Object.keys(all).length === 0 ? null : all;
}
