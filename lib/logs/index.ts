/**
 * Reads what the monitor wrote: json-file logs, with tail, since, until and follow across rotation. It never writes
 * a log and knows nothing of containers: whoever calls says where the log is and when its container has ended.
 */
export type { LogEntry, LogOptions } from './log-entry.ts';
export { sortableTime } from './parse-entry.ts';
export { type LogPosition, readLines, readLog } from './read-log.ts';
