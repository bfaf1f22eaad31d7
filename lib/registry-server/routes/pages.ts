import type { OutgoingHttpHeaders } from 'node:http';
import { Refusal } from '../refusal.ts';

/** Entries of one answer, if more were asked for or nothing was said. */
export const largestPage = 1000;

/** What `n` and `last` ask for. Throws Refusal PAGINATION_NUMBER_INVALID. */
export function readPage(query: URLSearchParams): { readonly after: string; readonly limit: number } {
  const text = query.get('n');
  if (text !== null && !/^\d{1,9}$/.test(text))
    throw new Refusal('PAGINATION_NUMBER_INVALID', `n=${text.slice(0, 50)} is no number of entries`);
  const limit = Math.min(text === null ? largestPage : Number(text), largestPage);
  return { after: query.get('last') ?? '', limit };
}

/** The `Link` to the entries behind `last` (RFC 8288), keeping what else the query says. */
export function nextLink(
  path: string,
  query: URLSearchParams,
  last: string,
  limit: number,
): OutgoingHttpHeaders {
  const next = new URLSearchParams(query);
  next.set('last', last);
  next.set('n', String(limit));
  return { link: `<${path}?${next}>; rel="next"` };
}
