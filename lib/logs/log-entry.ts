/** One line that a container wrote (or a part of 16 KiB of a longer one: then without its newline). */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  /** With its newline, if it had one. */
  readonly text: string;
  /** With the option `details`: labels and variables of the container that its log options name. */
  readonly details?: Readonly<Record<string, string>>;
}

export interface LogOptions {
  signal?: AbortSignal | undefined;
  /** Goes on with what is written later, until the container ends. */
  follow?: boolean;
  /** Only the last n lines. */
  tail?: number;
  /** Only entries at or after, before or at: a Date, or RFC 3339. */
  since?: Date | string;
  until?: Date | string;
  stdout?: boolean;
  stderr?: boolean;
  /** Adds `details` to each entry. */
  details?: boolean;
}
