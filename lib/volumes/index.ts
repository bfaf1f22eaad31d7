/**
 * Volumes: directories that outlive containers, by name, with a small record of what they are. Who uses them is asked
 * of whoever knows (the engine wires it): this room knows no container. How something is mounted is not known here.
 * VolumeStore is what is on disk and who comes first; openVolumes() the verbs.
 */
export { type DriverOptions, parseDriverOptions, type VolumeMount } from './driver-options.ts';
export { openVolumes } from './open-volumes.ts';
export { isVolumeName } from './volume-name.ts';
export { VolumeStore, type VolumeUse, type VolumeUses } from './volume-store.ts';
export type {
  CreateVolumeOptions,
  PrunedVolumes,
  PruneVolumesOptions,
  VolumeFilters,
  VolumeInfo,
  Volumes,
} from './volumes.ts';
