/**
 * A registry of images: the OCI distribution-spec 1.1 over a storage, with who may do what, what is accepted, and how
 * garbage is collected while it serves. It knows nothing of containers and engines, unpacks no layer, and asks other
 * registries only as a mirror of them.
 */
export type { Access, Action, Identity, Need } from './access/access.ts';
export { AccountStore, type Grant, type Robot, robotPrefix, type User } from './access/account-store.ts';
export { hashPassword, hashSecret } from './access/password.ts';
export type { AccessOptions } from './access/registry-access.ts';
export { parseRole, type Role } from './access/role.ts';
export type { OutsideIssuer } from './access/tokens.ts';
export { type CollectOptions, type CollectReport, collectGarbage } from './maintenance/collect-garbage.ts';
export type { RetentionRule } from './maintenance/retention.ts';
export { type ScrubProblem, type ScrubReport, scrubRegistry } from './maintenance/scrub.ts';
export { openRegistry, type Registry, type RegistryOptions } from './open-registry.ts';
export type { RegistryEvent } from './registry-event.ts';
export type { RequestRecord } from './request-record.ts';
export { loadRegistrySettings, parseRegistrySettings, type RegistrySettings } from './settings.ts';
export { openLocalStorage } from './storage/local-storage.ts';
export { openMemoryStorage } from './storage/memory-storage.ts';
export type {
  ObjectStatus,
  RegistryStorage,
  UploadStatus,
  UploadStorage,
} from './storage/registry-storage.ts';
export { isS3Url, parseS3Url } from './storage/s3/s3-location.ts';
export { openS3Storage, type S3Options } from './storage/s3/s3-storage.ts';
