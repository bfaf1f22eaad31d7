import type { TerminalSize } from '../api-context.ts';
import type { Fields } from '../json-fields.ts';

/** docker's ConsoleSize, `[rows, columns]`; undefined where nobody knows it. */
export function consoleSize(fields: Fields | undefined): TerminalSize | undefined {
  const size = fields?.raw('ConsoleSize');
  if (!Array.isArray(size)) return undefined;
  const [rows = 0, cols = 0] = size.map(Number);
  const isSize = [rows, cols].every((one) => Number.isInteger(one) && one > 0 && one < 65_536);
  return isSize ? { rows, cols } : undefined;
}
