/** What can be wrong with a root: what it means, and what helps besides `strake system check --repair`. */
export const findingCodes = {
  ROOT_EXPOSED: {
    means: 'others can enter a directory that holds setuid programs of images, and secrets of containers',
    remedy: 'chmod 700 it',
  },
  LOCK_INVALID: {
    means: 'what is locked by flock(2) is no file, so that nobody can lock it',
    remedy: 'move it away: the file is made when it is needed',
  },
  CONTAINER_RECORD_CORRUPT: {
    means: 'nobody knows what this container is: no command can list, start or remove it',
    remedy: 'put its record back from a backup, or have the container put aside, its files with it',
  },
  CONTAINER_EXIT_CORRUPT: {
    means: 'how this container ended cannot be read',
    remedy: 'remove the file: the container then counts as one that was lost',
  },
  CONTAINER_LOST: {
    means: 'its monitor, or the program that was to start it or to let it run on, died and left it as it was',
    remedy: '`strake ps -a` puts it in order',
  },
  CONTAINER_LEFTOVER: {
    means: 'a program or monitor died while it made or removed a container',
    remedy: '`strake ps -a` removes it',
  },
  CONTAINER_FILES_MISSING: {
    means: 'its writable layer is gone, with all that it has written, and it cannot be started',
    remedy: 'remove the container, or have it begin anew with an empty layer',
  },
  CONTAINER_IMAGE_MISSING: {
    means: 'what is below its writable layer is gone: it cannot be started or committed',
    remedy: 'pull its image again, or remove the container',
  },
  CONTAINER_VOLUME_MISSING: {
    means: 'a volume that it has is gone, with its files',
    remedy: 'restore the volume, or have an empty one made',
  },
  CONTAINER_NAME_MISSING: {
    means: 'its name is not reserved, so that another container may get it',
    remedy: '`strake rename` gives it another name',
  },
  CONTAINER_DOWN: {
    means: 'its restart policy says that it should run, and it does not',
    remedy: '`strake system start-restartable` starts it, or `strake stop` says that it is to rest',
  },
  NAME_STALE: {
    means: 'a name is reserved for a container that has it not',
    remedy: '`strake ps -a` frees it',
  },
  STRANGER: { means: 'something is here that strake has not made', remedy: 'move it elsewhere' },
  CGROUP_LEFTOVER: {
    means: 'a control group is left of a container that does not run',
    remedy: '`strake rm` removes it with the container',
  },
  IMAGE_NAME_CORRUPT: {
    means: 'nobody knows what this name of an image stands for, and images cannot be listed',
    remedy: 'have it put aside, and pull the image again',
  },
  IMAGE_INCOMPLETE: {
    means: 'a document that belongs to this image is missing, or has not its size',
    remedy: '`strake system scrub --repair` pulls it again; or remove the image',
  },
  IMAGE_LAYER_MISSING: {
    means: 'a layer of this image is missing',
    remedy: '`strake system scrub --repair` pulls it again; or remove the image',
  },
  LAYER_CORRUPT: {
    means: 'containers of images with this layer cannot be started, or see other files',
    remedy: '`strake system scrub --repair` takes it out of use and pulls it again',
  },
  LAYER_ORPHAN: {
    means: 'no image, container or program needs this layer',
    remedy: '`strake system prune` removes it',
  },
  BLOB_ORPHAN: {
    means: 'no image, container or program needs this blob',
    remedy: '`strake system prune` removes it',
  },
  SCRATCH_LEFTOVER: {
    means: 'a program died while it made or removed something here',
    remedy: '`strake system prune` removes it',
  },
  VOLUME_RECORD_CORRUPT: {
    means: 'what is known of this volume (labels, age) cannot be read, and it cannot be used',
    remedy: 'have the record put aside: the labels go with it, the files stay',
  },
  VOLUME_FILES_MISSING: {
    means: 'a volume has no directory for its files',
    remedy: 'have an empty one made, or remove it',
  },
  VOLUME_LEFTOVER: {
    means: 'a program died while it made or removed a volume',
    remedy: '`strake volume ls` removes it',
  },
  EVENTS_UNREADABLE: {
    means: 'the journal of events, or a line of it, cannot be read: what happened then is not told',
    remedy: 'have it put aside: a new one begins',
  },
  UNIT_BROKEN: {
    means: 'the systemd unit that starts containers after a reboot names a program that is not there',
    remedy: '`strake system install-unit` writes it anew',
  },
} as const satisfies Record<string, { readonly means: string; readonly remedy: string }>;

/** A stable name of what was found. */
export type FindingCode = keyof typeof findingCodes;

/** Something that is not as it should be. */
export interface Finding {
  readonly code: FindingCode;
  /** Of the file or directory that it is about. */
  readonly path: string;
  /** What it belongs to, and what is wrong, for people: "container web (0123456789ab): …". */
  readonly what: string;
  readonly means: string;
  readonly remedy: string;
}

/** What a repair has done about a finding. `place`: where what was put aside is. */
export interface RepairOutcome extends Pick<Finding, 'code' | 'path'> {
  readonly repaired: boolean;
  readonly place?: string;
  readonly failure?: string;
}

/** See System.check. */
export interface CheckReport {
  /** How many things were looked at. */
  readonly checked: {
    readonly containers: number;
    readonly images: number;
    readonly layers: number;
    readonly blobs: number;
    readonly volumes: number;
  };
  /** What was found, before any repair. */
  readonly findings: readonly Finding[];
  readonly repairs: readonly RepairOutcome[];
}

/** How a check is done. */
export interface CheckOptions {
  readonly repair?: boolean;
  readonly signal?: AbortSignal;
}

/** A finding, and the means to mend it, which looks once more before it does anything; answers where it has put what it has put aside. */
export interface Problem extends Finding {
  /** Absent: nothing can be done without a person. */
  readonly repair?: () => Promise<string | undefined>;
}

/** A finding of that code. */
export function problem(
  code: FindingCode,
  path: string,
  what: string,
  repair?: () => Promise<string | undefined>,
): Problem {
  return { code, path, what, ...findingCodes[code], ...(repair && { repair }) };
}
