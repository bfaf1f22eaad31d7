import { EngineError } from '../errors/index.ts';
import { Changes } from './changes.ts';
import { CompressedLogFile } from './compressed-log-file.ts';
import type { LogEntry, LogOptions } from './log-entry.ts';
import { type LineFile, LogFile } from './log-file.ts';
import { parseEntry, sortableTime } from './parse-entry.ts';

/**
 * The entries of the json-file log at `path` and its rotated predecessors `path.1`, `path.2`…, oldest first. With
 * `follow` it goes on, across rotations, until `ended` settles and everything is read. A log that is not there yet is
 * empty. Memory is bounded by one chunk and one line; `tail` reads back from the end.
 * @throws EngineError ERR_ABORTED, ERR_INVALID_ARGUMENT
 */
export async function* readLog(
  path: string,
  options: LogOptions = {},
  ended: Promise<unknown> = Promise.resolve(),
): AsyncGenerator<LogEntry> {
  const wanted = entryFilter(options);
  for await (const line of readLines(path, options, ended)) {
    const entry = parseEntry(line);
    if (entry === null) continue;
    const verdict = wanted(entry);
    if (verdict === 'end') return;
    if (verdict === 'yes') yield entry;
  }
}

/** Where a reading of lines begins and ends. */
export interface LineOptions extends Pick<LogOptions, 'follow' | 'tail' | 'signal'> {
  /** Only what is after this place, if it is still there. */
  after?: LogPosition | null;
}

/** A place in a log: so many bytes of the file with that inode. */
export interface LogPosition {
  readonly inode: number;
  readonly size: number;
}

/** The lines of a file and its rotated predecessors, whatever they are, as readLog reads them. */
export function readLines(
  path: string,
  options: LineOptions,
  ended: Promise<unknown> = Promise.resolve(),
): AsyncGenerator<string> {
  return options.follow ? followLines(path, options, ended) : presentLines(path, options);
}

async function* presentLines(path: string, options: LineOptions): AsyncGenerator<string> {
  const files = await openAll(path, options);
  try {
    for (const file of files) yield* abortable(file.lines(), options.signal);
  } finally {
    await closeAll(files);
  }
}

async function* followLines(
  path: string,
  options: LineOptions,
  ended: Promise<unknown>,
): AsyncGenerator<string> {
  using changes = new Changes(path);
  let isEnded = false;
  const done = new AbortController();
  const aborted = whenAborted(options.signal, done.signal);
  const end = Promise.race([ended.catch(() => undefined), aborted]).then(() => {
    isEnded = true;
  });
  const files = await openAll(path, options);
  try {
    for (;;) {
      const isLast = isEnded; // before reading: what is written until then is read
      yield* abortable(drain(files, path), options.signal);
      if (isLast) return;
      await changes.next(end);
    }
  } finally {
    done.abort();
    await closeAll(files);
  }
}

/** Reads all there is, and goes on to the files that a rotation has put after the last one. */
async function* drain(files: LineFile[], path: string): AsyncGenerator<string> {
  for (;;) {
    for (const file of files) yield* file.lines();
    const newer = await openNewer(path, files.at(-1));
    if (newer.length === 0) return;
    for (const file of files) yield* file.lines(); // written between the last read and the rotation
    await closeAll(files);
    files.push(...newer);
  }
}

/** The files after `last`, oldest first. A rotation meanwhile shows a file under its next name again: it counts once. */
async function openNewer(path: string, last: LineFile | undefined): Promise<LineFile[]> {
  const newer: LineFile[] = [];
  for (let index = 0; ; index++) {
    const file = await openFile(path, index);
    if (file === null || file.inode === last?.inode) {
      await file?.[Symbol.asyncDispose]();
      return newer;
    }
    if (newer.some(({ inode }) => inode === file.inode)) await file[Symbol.asyncDispose]();
    else newer.unshift(file);
  }
}

/** The current one, or the one before it by that number, packed or not. */
async function openFile(path: string, index: number): Promise<LineFile | null> {
  if (index === 0) return await LogFile.open(path);
  const name = `${path}.${index}`;
  return (await LogFile.open(name)) ?? (await CompressedLogFile.open(`${name}.gz`));
}

/** All files, oldest first, positioned at the last `tail` lines, or after a place; those before are left out. */
async function openAll(path: string, { tail, after }: LineOptions): Promise<LineFile[]> {
  if (tail !== undefined && !(Number.isInteger(tail) && tail >= 0)) {
    throw new EngineError('ERR_INVALID_ARGUMENT', `invalid tail ${tail}: it must be a whole number of lines`);
  }
  const files = await openNewer(path, undefined);
  if (after) await skip(files, after);
  if (tail === undefined) return files;
  let missing = tail;
  for (const file of [...files].reverse()) missing -= await file.seekLast(missing);
  return files;
}

async function skip(files: LineFile[], { inode, size }: LogPosition): Promise<void> {
  const index = files.findIndex((file) => file.inode === inode);
  if (index < 0) return; // rotated away: all that is left is newer
  await closeAll(files.splice(0, index));
  const [first] = files;
  if (first instanceof LogFile) first.seek(size);
}

async function closeAll(files: LineFile[]): Promise<void> {
  await Promise.all(files.splice(0).map((file) => file[Symbol.asyncDispose]()));
}

function entryFilter(options: LogOptions): (entry: LogEntry) => 'yes' | 'no' | 'end' {
  const since = options.since === undefined ? '' : checkedTime('since', options.since);
  const until = options.until === undefined ? undefined : checkedTime('until', options.until);
  return ({ stream, time }) => {
    const at = since === '' && until === undefined ? '' : sortableTime(time);
    if (until !== undefined && at > until) return 'end';
    return at >= since && options[stream] !== false ? 'yes' : 'no';
  };
}

function checkedTime(option: string, time: Date | string): string {
  if (Number.isNaN(new Date(time).getTime())) {
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      `invalid ${option} ${String(time)}: give a Date or RFC 3339 text`,
    );
  }
  return sortableTime(time);
}

async function* abortable(
  lines: AsyncIterable<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  throwIfAborted(signal);
  for await (const line of lines) {
    yield line;
    throwIfAborted(signal);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new EngineError('ERR_ABORTED', 'reading the log was aborted', { cause: signal.reason });
}

/** Listens until `done`, so that a signal that outlives many readers does not collect their listeners. */
function whenAborted(signal: AbortSignal | undefined, done: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal?.addEventListener('abort', () => resolve(), { once: true, signal: done });
  });
}
