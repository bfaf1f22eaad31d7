/** Go's zero time, which Docker's documents have where there is none. */
export const zeroTime = '0001-01-01T00:00:00Z';

/** Seconds since 1970; 0 for no time, or none that can be read. */
export function unixSeconds(time: string | null | undefined): number {
  const milliseconds = new Date(time ?? Number.NaN).getTime();
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}

/** Nanoseconds since 1970 of RFC 3339 text, as decimal digits: a number of more of them than a double has. */
export function unixNanoseconds(time: string): string {
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  return `${unixSeconds(time)}${fraction.padEnd(9, '0')}`;
}
