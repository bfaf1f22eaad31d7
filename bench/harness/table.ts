import { quantile, type Series } from './measure.ts';

/** One table: medians, spread, and how many times the first contender's median each one takes. */
export function printSeries(title: string, series: readonly Series[], unit: 'ms' | 's'): void {
  const scale = unit === 's' ? 1000 : 1;
  const show = (value: number): string => (value / scale).toFixed(2);
  const reference = quantile(series[0]?.milliseconds ?? [], 0.5);
  const rows = series.map(({ name, milliseconds }) => [
    name,
    show(quantile(milliseconds, 0.5)),
    show(quantile(milliseconds, 0)),
    `${show(quantile(milliseconds, 0.1))} - ${show(quantile(milliseconds, 0.9))}`,
    `${(quantile(milliseconds, 0.5) / reference).toFixed(2)} x`,
    String(milliseconds.length),
  ]);
  printTable(title, ['', `median ${unit}`, 'least', '10 % - 90 %', 'ratio', 'n'], rows);
}

/** The first column to the left, the others to the right. */
export function printTable(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ');
  console.log(`\n${title}`);
  console.log(line(head));
  for (const row of rows) console.log(line(row));
}
