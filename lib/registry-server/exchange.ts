import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { sendBody as reply } from '../http/index.ts';
import type { Identity, Need } from './access/access.ts';
import { Refusal } from './refusal.ts';
import type { RegistryContext } from './registry-context.ts';
import { Repository } from './repository.ts';
import { parseRepositoryName, type RepositoryName } from './repository-name.ts';

/** One request, and all that its handler needs to answer it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** As the route's pattern has them. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly identity: Identity;
  readonly registry: RegistryContext;
  /** What it changes, for the audit log, where the path does not say. */
  subject?: string;
}

/** Answers one kind of request; the needs have been met by then. Throws Refusal or EngineError. */
export interface Handler {
  /** What the identity must be allowed to do. Throws Refusal for names that are none. */
  readonly needs: (parameters: Readonly<Record<string, string>>) => readonly Need[];
  readonly answer: (exchange: Exchange) => Promise<void>;
}

/** The repository that the path names. */
export function repositoryOf({ parameters, registry }: Exchange): Repository {
  return new Repository(registry.storage, parseRepositoryName(parameters.name ?? ''));
}

/** The need of one action on the repository that the path names. */
export function needing(action: Need['action']): Handler['needs'] {
  return ({ name = '' }) => [{ repository: parseRepositoryName(name), action }];
}

export { reply };

/** Answers with a JSON document. */
export function replyJson(
  exchange: Exchange,
  document: unknown,
  headers: OutgoingHttpHeaders = {},
  status = 200,
): void {
  reply(exchange, status, { 'content-type': 'application/json', ...headers }, JSON.stringify(document));
}

/** Throws Refusal NAME_UNKNOWN. */
export async function requireRepository(repository: Repository): Promise<void> {
  if (!(await repository.exists())) throw unknownName(repository.name);
}

export function unknownName(name: RepositoryName): Refusal {
  return new Refusal('NAME_UNKNOWN', `there is no repository ${name}`, { detail: { name } });
}
