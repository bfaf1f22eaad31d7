import { readDocument } from './document.ts';
import { target } from './redirect.ts';
import type { TransportResponse } from './transport.ts';

const maxAnswer = 4 * 1024 * 1024;

/** One answer of a list that goes on (distribution-spec, "Listing Tags"). */
export interface NamePage {
  readonly names: readonly string[];
  /** Where it goes on. An empty page ends the list, whatever it says. */
  readonly next: URL | undefined;
}

/** Reads the names that a page has under `key`: `repositories`, `tags`. @throws EngineError ERR_BLOB_TOO_LARGE */
export async function readNamePage(response: TransportResponse, key: string): Promise<NamePage> {
  const { link } = response.headers;
  const listed = (await readObject(response))[key];
  const names = (Array.isArray(listed) ? listed : []).filter((name) => typeof name === 'string');
  const next = /<([^>]+)>\s*;\s*rel="?next"?/i.exec(link ?? '')?.[1];
  return {
    names,
    next: next === undefined || names.length === 0 ? undefined : target(next, response.url),
  };
}

/** A JSON object; an empty one for what is none. @throws EngineError ERR_BLOB_TOO_LARGE */
export async function readObject(response: TransportResponse): Promise<Record<string, unknown>> {
  const bytes = await readDocument(response, maxAnswer, 'a list of names');
  try {
    return Object(JSON.parse(bytes.toString('utf8')));
  } catch {
    return {};
  }
}
