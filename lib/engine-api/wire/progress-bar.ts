const cells = 50;
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/**
 * Where something stands, as text: `[=====>      ]  1.2MB/3.4MB`. Docker's clients draw their own from `progressDetail`; the
 * field is for those that print what they get.
 */
export function progressBar(current: number, total: number): string {
  if (total <= 0) return humanSize(current).padStart(8);
  const done = Math.min(cells, Math.floor((current / total) * cells));
  const bar = `[${'='.repeat(done)}>${' '.repeat(cells - done)}]`;
  return `${bar} ${humanSize(current).padStart(8)}/${humanSize(total)}`;
}

/** Four digits and a decimal unit, as Go's units.HumanSize has it. */
export function humanSize(bytes: number): string {
  const at = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** at).toPrecision(4))}${units[at]}`;
}
