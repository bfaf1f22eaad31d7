import { badRequest } from './refusal.ts';

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * A time as docker's parameters have it (timetypes.GetTimestamp): seconds since 1970 with up to nine decimals, RFC 3339 or the
 * beginning of it, or how long ago as Go writes it: `1h30m`. Answers RFC 3339 in UTC with nanoseconds. @throws Refusal 400
 */
export function parseTimestamp(text: string, now: number = Date.now()): string {
  const seconds = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds) return rfc3339(Number(seconds[1]) * 1000, seconds[2] ?? '');
  const ago = parseDuration(text);
  if (ago !== undefined) return rfc3339(now - ago, String(Math.floor(now - ago) % 1000).padStart(3, '0'));
  const time = /^\d{4}-\d\d(-\d\d)?/.test(text) ? new Date(text).getTime() : Number.NaN;
  if (Number.isNaN(time))
    throw badRequest(
      `invalid time ${JSON.stringify(text.slice(0, 60))}: failed to parse value as time or duration`,
    );
  return rfc3339(time, /\.(\d{1,9})/.exec(text)?.[1] ?? '');
}

/** Milliseconds of a Go duration; undefined for what is none. */
function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|h|m|s))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (units[unit] ?? 0), 0);
}

function rfc3339(milliseconds: number, fraction: string): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}
