import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Engine } from '../engine/index.ts';
import { sendBody as reply } from '../http/index.ts';
import type { ApiContext } from './api-context.ts';
import type { Query } from './query.ts';
import type { UpgradedConnection } from './upgraded-connection.ts';
import type { ApiVersion } from './version.ts';

/** One request, and all that its handler needs to answer it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The request's body, its transfer coding undone. */
  readonly body: Readable;
  /** As the route's path has them. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly version: ApiVersion;
  readonly api: ApiContext;
  readonly engine: Engine;
  /** Aborts when the client goes before it has been answered. */
  readonly signal: AbortSignal;
  /** Of a request that asks for another protocol (hijack.ts). */
  readonly upgraded: UpgradedConnection | undefined;
}

/** Answers one kind of request. Throws Refusal or EngineError, before anything was sent. */
export type Handler = (exchange: Exchange) => Promise<void>;

/** A parameter of the path. */
export function parameter({ parameters }: Exchange, name: string): string {
  return parameters[name] ?? '';
}

export { reply };

/** Answers with a JSON document. */
export function replyJson(exchange: Exchange, document: unknown, status = 200): void {
  reply(exchange, status, { 'content-type': 'application/json' }, `${JSON.stringify(document)}\n`);
}

/** 204. */
export function replyNothing(exchange: Exchange): void {
  reply(exchange, 204);
}
