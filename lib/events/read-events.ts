import { statSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import { type LogPosition, readLines, sortableTime } from '../logs/index.ts';
import type { EngineEvent, EventOptions } from './engine-event.ts';
import { matches } from './event-filter.ts';

/** Milliseconds for which what happened until `until` may still be on its way into the journal. */
const grace = 100;
/** Milliseconds; Node makes 1 of anything longer. */
const longestTimer = 2 ** 31 - 1;

/**
 * The events of the journal at `path`, see EventOptions; oldest first, in the order in which they were written. Nothing is
 * lost between what there is and what follows: it is one reading, which rotations do not disturb.
 * @throws EngineError ERR_ABORTED, ERR_INVALID_ARGUMENT
 */
export function readEvents(path: string, options: EventOptions = {}): AsyncGenerator<EngineEvent> {
  const since = options.since === undefined ? '' : checkedTime('since', options.since);
  const until = options.until === undefined ? undefined : endOfTime(checkedTime('until', options.until));
  const after = options.since === undefined ? endOf(path) : null;
  return select(path, { ...options, since, until }, after);
}

interface Selection extends Pick<EventOptions, 'filters' | 'signal'> {
  readonly since: string;
  readonly until: string | undefined;
}

async function* select(
  path: string,
  { since, until, filters = {}, signal }: Selection,
  after: LogPosition | null,
): AsyncGenerator<EngineEvent> {
  const done = new AbortController();
  const ended = untilThen(until, done.signal);
  try {
    for await (const line of readLines(path, { follow: true, after, ...(signal && { signal }) }, ended)) {
      const event = parseEvent(line);
      if (event === null) continue;
      const time = sortableTime(event.time);
      const isWanted = time >= since && (until === undefined || time <= until);
      if (isWanted && matches(event, filters)) yield event;
    }
  } finally {
    done.abort();
  }
  if (signal?.aborted)
    throw new EngineError('ERR_ABORTED', 'reading events was aborted', { cause: signal.reason });
}

/** A Date knows milliseconds only, and means all of its last one. */
function endOfTime(time: string): string {
  return time.replace(/000000$/, '999999');
}

/** Of a journal that is not there yet: all of it is new. */
function endOf(path: string): LogPosition | null {
  const file = statSync(path, { throwIfNoEntry: false });
  return file === undefined ? null : { inode: file.ino, size: file.size };
}

/** Settles when that time has passed; without one never. */
async function untilThen(until: string | undefined, done: AbortSignal): Promise<void> {
  return await new Promise((resolve) => {
    if (until === undefined) return;
    const end = new Date(`${until.slice(0, 23)}Z`).getTime();
    const look = () => {
      const left = end + grace - Date.now();
      if (left <= 0) resolve();
      else timer = setTimeout(look, Math.min(left, longestTimer));
    };
    let timer: NodeJS.Timeout | undefined;
    done.addEventListener('abort', () => clearTimeout(timer));
    look();
  });
}

/**
 * null for what is none. What a writer left that was killed, or found the disk full, within its line is passed over: the
 * next event is behind it on the same line.
 */
export function parseEvent(line: string): EngineEvent | null {
  return parse(line) ?? parse(line.slice(Math.max(0, line.lastIndexOf('{"time":"'))));
}

function parse(text: string): EngineEvent | null {
  try {
    const event = JSON.parse(text) as Partial<EngineEvent>;
    const isOne = [event.time, event.type, event.action, event.id].every(
      (field) => typeof field === 'string',
    );
    return isOne ? { ...(event as EngineEvent), attributes: event.attributes ?? {} } : null;
  } catch {
    return null;
  }
}

function checkedTime(option: string, time: Date | string): string {
  if (!Number.isNaN(new Date(time).getTime())) return sortableTime(time);
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    `invalid ${option} ${String(time)}: give a Date or RFC 3339 text`,
  );
}
