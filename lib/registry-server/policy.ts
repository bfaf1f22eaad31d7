import type { RepositoryName, TagName } from './repository-name.ts';

/** What a registry accepts, whoever asks for it. */
export interface Policy {
  /** Bytes of the largest blob. */
  readonly maxBlobSize: number;
  /** Whether an index may name manifests that the repository does not have. */
  readonly sparseIndexes: boolean;
  /** Whether a tag, once set, stays. */
  isImmutable(repository: RepositoryName, tag: TagName): Promise<boolean>;
  /** Bytes that may still be added to the repository's namespace. What has arrived of `upload` is not counted. */
  room(repository: RepositoryName, upload?: string): Promise<number>;
}

/** Without limits but the disk's. */
export const defaultPolicy: Policy = {
  maxBlobSize: Number.MAX_SAFE_INTEGER,
  sparseIndexes: false,
  isImmutable: async () => false,
  room: async () => Number.MAX_SAFE_INTEGER,
};
