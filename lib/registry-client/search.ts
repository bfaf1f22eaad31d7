import { EngineError } from '../errors/index.ts';
import { Connection, type RepositoryOptions } from './connection.ts';
import type { Host, HostRequest } from './host.ts';
import { type NamePage, readNamePage, readObject } from './name-page.ts';
import { readRegistry } from './registry-name.ts';
import { discard, type TransportResponse } from './transport.ts';

/** A repository that was found. What a registry does not tell is empty, 0 or false. */
export interface FoundRepository {
  /** As it is pulled: `nginx`, `localhost:5000/team/app`. */
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
  readonly automated: boolean;
}

export interface SearchOptions extends RepositoryOptions {
  /** At most so many, 25 by default, 100 at most. */
  readonly limit?: number;
}

/** Names that are read of a registry's list in all, and in one answer. */
const maxCatalog = 100_000;
const catalogPage = 1000;

/** Docker Hub's search is another host's than its repositories. */
const searchOrigins: Readonly<Record<string, string>> = { 'docker.io': 'https://index.docker.io' };

/**
 * Searches a registry for repositories: `TERM` on Docker Hub, `HOST/TERM` on another one. By its search (Docker's
 * `/v1/search`) where it has one, otherwise in its list of repositories (`/v2/_catalog`), by name.
 * @throws EngineError ERR_REGISTRY_*; ERR_NOT_IMPLEMENTED when it offers neither; ERR_REFERENCE_INVALID
 */
export async function searchRegistry(text: string, options: SearchOptions = {}): Promise<FoundRepository[]> {
  const { domain, term } = readTerm(text);
  const limit = Math.min(Math.max(1, options.limit ?? 25), 100);
  const scopes = domain === 'docker.io' ? [] : ['registry:catalog:*'];
  await using connection = new Connection({ domain, path: '' }, options, { scopes, whole: true });
  const search = new Search(connection.hosts[0] as Host, domain, options.signal);
  return (await search.bySearch(term, limit)) ?? (await search.inCatalog(term, limit));
}

class Search {
  readonly #host: Host;
  readonly #domain: string;
  readonly #signal: AbortSignal | undefined;

  constructor(host: Host, domain: string, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#domain = domain;
    this.#signal = signal;
  }

  /** Undefined: it has no search. */
  async bySearch(term: string, limit: number): Promise<FoundRepository[] | undefined> {
    const url = new URL(`${await this.#origin()}/v1/search`);
    url.search = new URLSearchParams({ q: term, n: String(limit) }).toString();
    const answer = await this.#ask(url, [400, 401, 403, 404, 405], readObject);
    const results = answer && Array.isArray(answer.results) ? answer.results : undefined;
    return results?.slice(0, limit).map((entry) => this.#readResult(Object(entry)));
  }

  /** By name, from the list of all repositories, page after page. */
  async inCatalog(term: string, limit: number): Promise<FoundRepository[]> {
    const found: FoundRepository[] = [];
    let next: string | URL | undefined = `_catalog?n=${catalogPage}`;
    for (let read = 0; next !== undefined && read < maxCatalog && found.length < limit; ) {
      const page: NamePage | undefined = await this.#ask(next, [401, 403, 404, 405], (response) =>
        readNamePage(response, 'repositories'),
      );
      if (page === undefined) throw noSearch(this.#domain);
      const names = page.names.filter((name) => name.includes(term.toLowerCase()));
      found.push(...names.map((name) => ({ ...nothingKnown, name: `${this.#domain}/${name}` })));
      read += page.names.length;
      next = page.next;
    }
    return found.slice(0, limit);
  }

  /** Which of its origins answers shows when it is asked for anything. */
  async #origin(): Promise<string> {
    const other = searchOrigins[this.#domain];
    if (other !== undefined) return other;
    await this.#ask('', [401, 403, 404, 405], () => Promise.resolve(undefined));
    return this.#host.origin;
  }

  async #ask<T>(
    path: string | URL,
    accept: readonly number[],
    read: (response: TransportResponse) => Promise<T>,
  ): Promise<T | undefined> {
    const subject: HostRequest['subject'] = { name: `the repositories of ${this.#domain}`, kind: 'manifest' };
    const request = { method: 'GET', path, subject, accept, signal: this.#signal } as const;
    return this.#host.request(request, async (response) => {
      if (response.status < 400) return read(response);
      discard(response);
      return undefined;
    });
  }

  #readResult(entry: Record<string, unknown>): FoundRepository {
    const text = (value: unknown) => (typeof value === 'string' ? value : '');
    const name = text(entry.name);
    return {
      name: this.#domain === 'docker.io' ? name : `${this.#domain}/${name}`,
      description: text(entry.description),
      stars: typeof entry.star_count === 'number' ? entry.star_count : 0,
      official: entry.is_official === true,
      automated: entry.is_automated === true,
    };
  }
}

const nothingKnown = { description: '', stars: 0, official: false, automated: false };

/** `HOST/TERM` when what stands before the slash can only be a host. */
function readTerm(text: string): { domain: string; term: string } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  if (!/[.:]|^localhost$/.test(first)) return { domain: 'docker.io', term: text };
  return { domain: readRegistry(first).domain, term: text.slice(slash + 1) };
}

function noSearch(domain: string): EngineError {
  return new EngineError(
    'ERR_NOT_IMPLEMENTED',
    `${domain} offers no search, and no list of its repositories: look at its web page`,
    { details: { registry: domain } },
  );
}
