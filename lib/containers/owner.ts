import { processStartTime } from '../../bindings/runtime.ts';

/** A process for good: its pid, and when it started (field 22 of /proc/PID/stat). */
export interface Owner {
  readonly pid: number;
  readonly startTime: string;
}

let self: Owner | undefined;

/** This process. */
export function thisProcess(): Owner {
  self ??= { pid: process.pid, startTime: processStartTime(process.pid) ?? '' };
  return self;
}

export function isAlive({ pid, startTime }: Owner): boolean {
  return processStartTime(pid) === startTime;
}

/** The same by its text, `PID:STARTTIME`. */
export function isProcessAlive(process: string): boolean {
  const [pid = '', startTime = ''] = process.split(':');
  return isAlive({ pid: Number(pid), startTime });
}
