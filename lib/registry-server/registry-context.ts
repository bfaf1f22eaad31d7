import type { Access } from './access/access.ts';
import type { Mirrors } from './mirror/mirrors.ts';
import type { Policy } from './policy.ts';
import type { RateLimit } from './rate-limit.ts';
import type { RegistryEvent } from './registry-event.ts';
import type { RegistryStorage } from './storage/registry-storage.ts';
import type { UploadHashes } from './upload-hashes.ts';

/** What the parts of one registry share. */
export interface RegistryContext {
  readonly storage: RegistryStorage;
  readonly access: Access;
  readonly policy: Policy;
  readonly hashes: UploadHashes;
  readonly limit: RateLimit;
  readonly mirrors: Mirrors;
  /** Tells whoever listens what has happened. Never throws. */
  readonly announce: (event: RegistryEvent) => void;
}
