import { formatDuration } from '../age/index.ts';

export { formatDuration } from '../age/index.ts';

/** "12.3MB": docker's decimal units, three digits. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))}${units[unit]}`;
}

/** "3 minutes ago"; "N/A" for what is no time, as an image may say it. */
export function formatAge(time: string | null): string {
  const age = Date.now() - new Date(time ?? '').getTime();
  return Number.isNaN(age) ? 'N/A' : `${formatDuration(age)} ago`;
}

/** For a terminal: a control character, as a hostile registry or command line may have it, is shown and not sent. */
export function printable(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** Columns three spaces apart, the first row being the head. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3)))
        .join(''),
    )
    .map((line) => `${line}\n`)
    .join('');
}
