import { EngineError } from '../errors/index.ts';

/** The error of an option that cannot be used: it names the option and says what would be right. */
export function invalidOption(option: string, value: unknown, remedy: string): EngineError {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : String(value);
  return new EngineError('ERR_CONTAINER_OPTION_INVALID', `invalid ${option} ${shown}: ${remedy}`, {
    details: { option },
  });
}

/** A string that can cross into C: no NUL. */
export function text(option: string, value: unknown): string {
  if (typeof value !== 'string') throw invalidOption(option, value, 'it must be a string');
  if (value.includes('\0')) throw invalidOption(option, value, 'it must not contain a NUL byte');
  return value;
}

/** An array of strings without NUL; the error names the entry. */
export function texts(option: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw invalidOption(option, value, 'it must be an array of strings');
  return value.map((item, index) => text(`${option}[${index}]`, item));
}

/** True or false; absent is false. */
export function flag(option: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalidOption(option, value, 'it must be true or false');
  return value;
}

/** One of the choices, by its exact name. */
export function oneOf<T extends string>(option: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw invalidOption(option, value, `it must be one of ${choices.join(', ')}`);
  return found;
}

/** A whole number within both bounds, which are part of it. */
export function integer(option: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
    return value;
  throw invalidOption(option, value, `it must be a whole number from ${least} to ${most}`);
}

/** Entries of a string-to-string record, keys without `=`. */
export function textRecord(option: string, value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidOption(option, value, 'it must be an object of strings');
  }
  return Object.entries(value).map(([key, item]) => {
    if (key === '' || key.includes('\0'))
      throw invalidOption(option, key, 'a name must not be empty or contain NUL');
    return [key, text(`${option}.${key}`, item)];
  });
}

/** An absolute path, normalised: no `.`, `..` or doubled slashes; never ends in a slash but for "/". */
export function absolutePath(option: string, value: unknown): string {
  const path = text(option, value);
  if (!path.startsWith('/')) throw invalidOption(option, value, 'it must be an absolute path');
  return normalizePath(path);
}

/** Absolute, without `.`, `..`, doubled or final slashes; what climbs above the root stays there (path_resolution(7)). */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

const units: Readonly<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** Bytes of "512m", "1.5g", "64kb", "100" or a number; docker's units are powers of 1024. "-1" only with `unlimited`. */
export function byteSize(option: string, value: unknown, unlimited = false): number {
  if (unlimited && (value === -1 || value === '-1')) return -1;
  const match = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i.exec(String(value));
  const bytes = match
    ? Math.floor(Number(match[1]) * (units[(match[2] || 'b').toLowerCase()] ?? 1))
    : Number.NaN;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw invalidOption(option, value, 'write bytes, or a number and a unit: 512m, 2g');
}
