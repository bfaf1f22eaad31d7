/** What an event is about. */
export type EventType = 'container' | 'image' | 'volume' | 'network';

/** Something that has happened; docker's names. */
export interface EngineEvent {
  /** RFC 3339 with nanoseconds, by the clock of whoever did it. */
  readonly time: string;
  readonly type: EventType;
  /**
   * Of containers: create, start, die, oom, kill, stop, restart, pause, unpause, rename, update, attach, detach, resize, top,
   * commit, export, archive-path, extract-to-dir,
   * `exec_create: COMMAND`, `exec_start: COMMAND`, exec_detach, exec_die, `health_status: healthy|unhealthy`, destroy. Of images: pull, push,
   * tag, import, load, save, untag, delete, prune. Of volumes: create, mount, destroy. Of
   * networks: create, connect, disconnect, destroy.
   */
  readonly action: string;
  /** Of a container its id, of an image its reference or id, of a volume its name, of a prune nothing. */
  readonly id: string;
  /** Of a container its labels, `name` and `image`, and what the action has: `exitCode`, `signal`, `execID`, `oldName`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Which events: of different filters all must hold, of one filter's values one (of labels all). */
export interface EventFilters {
  readonly type?: readonly string[];
  /** The action; of one with a colon what is before it will do. */
  readonly event?: readonly string[];
  /** The beginning of an id or of a name. */
  readonly container?: readonly string[];
  /** A reference with or without its tag, or an id; of containers that of their image. */
  readonly image?: readonly string[];
  readonly volume?: readonly string[];
  readonly network?: readonly string[];
  /** `key` or `key=value`. */
  readonly label?: readonly string[];
}

/** Without `since` only what happens after the call; without `until` for ever. */
export interface EventOptions {
  /** Of what the journal still has; a Date or RFC 3339. */
  since?: Date | string;
  /** In the past: ends when what there is has been read. */
  until?: Date | string;
  filters?: EventFilters;
  /** Ends it with ERR_ABORTED. */
  signal?: AbortSignal;
}
