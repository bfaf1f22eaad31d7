import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../refusal.ts';

/** Where a chunk begins, and its length in bytes. */
export interface ChunkRange {
  readonly start: number;
  readonly length: number;
}

/**
 * `Content-Range: START-END` of a chunk, as the distribution-spec writes it (and `bytes START-END/TOTAL` as RFC 9110 does).
 * Absent: undefined. Throws Refusal SIZE_INVALID, BLOB_UPLOAD_INVALID.
 */
export function readContentRange(headers: IncomingHttpHeaders): ChunkRange | undefined {
  const text = headers['content-range'];
  if (text === undefined) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(text.trim());
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  const length = headers['content-length'];
  // Of a chunk of nothing some write 0-0.
  if (match && length === '0' && end <= start) return { start, length: 0 };
  if (match === null || end < start)
    throw new Refusal(
      'BLOB_UPLOAD_INVALID',
      `Content-Range ${JSON.stringify(text.slice(0, 100))} is no range`,
      {
        status: 416,
      },
    );
  if (length !== undefined && Number(length) !== end - start + 1)
    throw new Refusal('SIZE_INVALID', `Content-Range ${text} and Content-Length ${length} differ`);
  return { start, length: end - start + 1 };
}
