import { invalidFlag } from './flag-values.ts';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** RFC 3339, seconds since 1970 with a fraction, or a time ago as Go writes it: "1h30m". */
export function parseLogTime(flag: string, text: string, now: number = Date.now()): Date | string {
  if (/^\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000);
  if (/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text)) return new Date(now - duration(text));
  if (!Number.isNaN(new Date(text).getTime())) return text;
  throw invalidFlag(
    flag,
    text,
    'write RFC 3339 (2026-01-31T12:00:00Z), seconds since 1970, or a time ago: 10m',
  );
}

function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0);
}
