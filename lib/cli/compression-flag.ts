import type { PushCompression } from '../engine/index.ts';
import { invalidFlag } from './flag-values.ts';

/** `zstd:19`. ERR_INVALID_ARGUMENT. */
export function parseCompression(text: string): PushCompression {
  const [, format, digits] = /^(gzip|zstd|none)(?::([0-9]{1,2}))?$/.exec(text) ?? [];
  const highest = { gzip: 9, zstd: 19, none: 0 }[format as PushCompression['format']];
  const level = digits === undefined ? undefined : Number(digits);
  const isValid = highest !== undefined && (level === undefined || (level >= 1 && level <= highest));
  if (isValid) return { format: format as PushCompression['format'], level };
  throw invalidFlag('--compression', text, 'write gzip, gzip:1 to gzip:9, zstd, zstd:1 to zstd:19, or none');
}
