/**
 * The front door of the library: openEngine() wires the rooms together below one root and hands out a record of
 * them. It has no verbs of its own.
 */
export type {
  CheckOptions,
  CheckReport,
  Finding as CheckFinding,
  FindingCode,
  RepairOutcome,
} from '../check/index.ts';
export type * from '../containers/index.ts';
export { EngineError, type ErrorCode, type ErrorKind, isEngineError } from '../errors/index.ts';
export type { EngineEvent, EventFilters, EventOptions, EventType } from '../events/index.ts';
export type * from '../images/index.ts';
export type { LogEntry, LogOptions as ReadLogOptions } from '../logs/index.ts';
export type {
  AnnotatedPlatform,
  InspectedManifest,
  ManifestLists,
  PushedList,
} from '../manifests/index.ts';
export type {
  CreateNetworkOptions,
  NetworkFilters,
  NetworkInfo,
  NetworkMember,
  Networks,
  PublishedPort,
  SubnetOption,
} from '../network/index.ts';
export type { FoundRepository, Login, StoredLogin } from '../registry-client/index.ts';
export type { OnTrace, TraceReport, TraceStep } from '../trace/index.ts';
export type {
  CreateVolumeOptions,
  PrunedVolumes,
  PruneVolumesOptions,
  VolumeFilters,
  VolumeInfo,
  Volumes,
  VolumeUse,
} from '../volumes/index.ts';
export type { ContainerUsage, DiskUsage, UsageOf, VolumeUsage } from './disk-usage.ts';
export type { Engine, EngineOptions } from './engine.ts';
export { openManifests } from './manifests.ts';
export { openEngine } from './open-engine.ts';
export { openRoot } from './open-root.ts';
export type { Pruned, PruneOptions } from './prune-system.ts';
export { type DescribedImage, openRegistries, type Registries } from './registries.ts';
export type { System, SystemInfo, SystemVersion } from './system.ts';
export { systemVersion } from './system.ts';
