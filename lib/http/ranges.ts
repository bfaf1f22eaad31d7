/** Bytes from `start` to `end`, both of them included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A range to answer with (206), 'whole' (200), or 'unsatisfiable' (416). */
export type RangeAnswer = ByteRange | 'whole' | 'unsatisfiable';

/**
 * What a `Range` header asks of something of `size` bytes (RFC 9110, 14.2). Another unit, a malformed header, or several
 * ranges at once are answered with all of it; one that ends before it begins is refused. The RFC leaves that to us, and the
 * distribution-spec's conformance suite wants it so.
 */
export function parseRange(header: string | undefined, size: number): RangeAnswer {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header ?? '');
  if (match === null) return 'whole';
  const [, from = '', to = ''] = match;
  if (from === '') return to === '' ? 'whole' : suffix(Number(to), size);
  const start = Number(from);
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < start) return 'unsatisfiable';
  return start >= size ? 'unsatisfiable' : { start, end };
}

function suffix(length: number, size: number): RangeAnswer {
  if (length === 0 || size === 0) return 'unsatisfiable';
  return { start: Math.max(0, size - length), end: size - 1 };
}
