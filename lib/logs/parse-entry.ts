import type { LogEntry } from './log-entry.ts';

/** One line of a json-file or local log; null for what is none (a torn write before a power loss). */
export function parseEntry(line: string): LogEntry | null {
  return line.startsWith('{') ? parseJson(line) : parseLocal(line);
}

/** native/monitor/json_log.h, `local`. */
function parseLocal(line: string): LogEntry | null {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (stdout|stderr) ([FP]) (.*)$/s.exec(line);
  if (!match?.[1]) return null;
  const [, time, stream, kind, text = ''] = match;
  return { stream: stream as LogEntry['stream'], time, text: kind === 'F' ? `${text}\n` : text };
}

function parseJson(line: string): LogEntry | null {
  try {
    const { log, stream, time } = JSON.parse(line) as { log?: unknown; stream?: unknown; time?: unknown };
    if (typeof log !== 'string' || typeof time !== 'string') return null;
    return { stream: stream === 'stderr' ? 'stderr' : 'stdout', time, text: log };
  } catch {
    return null;
  }
}

/**
 * An RFC 3339 time in UTC as text that sorts: 9 digits of fraction, always. The log's own times drop trailing zeros,
 * as Go does, and a Date has only milliseconds.
 */
export function sortableTime(time: Date | string): string {
  const match =
    typeof time === 'string' ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(time) : null;
  if (match) return `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}`;
  return `${new Date(time).toISOString().slice(0, -1)}000000`;
}
