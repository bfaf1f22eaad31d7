import type { VolumeUse } from './volume-store.ts';

/** A volume now. */
export interface VolumeInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339 */
  readonly createdAt: string;
  /** Made without a name. */
  readonly anonymous: boolean;
  /** What is mounted instead of a directory of the root's; null: nothing. */
  readonly driverOptions: Readonly<Record<string, string>> | null;
  /** Where its files are on this machine, unless `driverOptions` say what is mounted. An ordinary user's belong to ids of his id map. */
  readonly mountpoint: string;
  /** The containers that have it, running or not. */
  readonly containers: readonly VolumeUse[];
}

export interface CreateVolumeOptions {
  labels?: Readonly<Record<string, string>>;
  /**
   * Docker's for its driver "local": `type`, `device` and `o` as mount(8) takes them, and `o: 'bind'` for another directory.
   * It is mounted in each container that has the volume, when that starts: a tmpfs is each one's own.
   */
  driverOptions?: Readonly<Record<string, string>>;
}

/** Of different filters all must hold; of one filter's values one, but of labels all. */
export interface VolumeFilters {
  /** A part of the name. */
  name?: readonly string[];
  /** `key` or `key=value`. */
  label?: readonly string[];
  /** The same, which it must not have. */
  notLabel?: readonly string[];
  /** Whether no container has it. */
  dangling?: boolean;
}

export interface PruneVolumesOptions {
  filters?: Pick<VolumeFilters, 'label' | 'notLabel'>;
  /** Those with a name, too. */
  all?: boolean;
}

export interface PrunedVolumes {
  /** Names. */
  readonly removed: readonly string[];
  /** That were freed. */
  readonly bytes: number;
}

/** Directories that outlive containers. */
export interface Volumes {
  /**
   * Makes a volume; one of that name that is there is answered as it is. Without a name it is anonymous. It survives a
   * power loss once this resolves. ERR_VOLUME_NAME_INVALID, ERR_INVALID_ARGUMENT.
   */
  create(name?: string, options?: CreateVolumeOptions): Promise<VolumeInfo>;
  /** By name. */
  list(options?: { filters?: VolumeFilters }): Promise<VolumeInfo[]>;
  /** ERR_VOLUME_NOT_FOUND. */
  inspect(name: string): Promise<VolumeInfo>;
  /**
   * Removes a volume and its files. `force`: one that is not there is no error. ERR_VOLUME_NOT_FOUND, ERR_VOLUME_IN_USE
   * (with the containers in `details`), also with `force`.
   */
  remove(name: string, options?: { force?: boolean }): Promise<void>;
  /** Removes the anonymous volumes that no container has, or with `all` any that none has. */
  prune(options?: PruneVolumesOptions): Promise<PrunedVolumes>;
}
