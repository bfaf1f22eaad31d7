import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Router } from '../http/index.ts';
import type { Identity, Need } from './access/access.ts';
import { isSafeMethod, requireOwnOrigin } from './access/origin.ts';
import { sendRefusal, toRefusal } from './error-response.ts';
import type { Exchange, Handler } from './exchange.ts';
import { Refusal } from './refusal.ts';
import type { RegistryContext } from './registry-context.ts';

/** What became of a request, for whoever writes it down. */
export interface Answered {
  readonly identity?: Identity;
  readonly refusal?: Refusal;
  readonly subject?: string;
}

/** Answers one request: finds its route, learns who asks, refuses or lets the handler answer. Never throws. */
export async function answer(
  router: Router<Handler>,
  registry: RegistryContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answered> {
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  // What somebody has pushed is never a page or a script of this host.
  response.setHeader('x-content-type-options', 'nosniff');
  let identity: Identity | undefined;
  try {
    const { path, query } = splitUrl(request.url ?? '/');
    const found = router.find(request.method ?? 'GET', path);
    if (found === undefined)
      throw new Refusal('UNSUPPORTED', `there is nothing at ${path.slice(0, 200)}`, { status: 404 });
    if ('allow' in found)
      throw new Refusal('UNSUPPORTED', `${request.method} is not answered here`, {
        headers: { allow: found.allow.join(', ') },
      });
    const { handler, parameters } = found;
    const needs = handler.needs(parameters);
    if (path.startsWith('/api/')) {
      // What somebody may see is no proxy's to keep for others.
      response.setHeader('cache-control', 'no-store');
      if (!isSafeMethod(request.method)) requireOwnOrigin(request);
    }
    identity = await registry.access.identify(request);
    registry.limit.take(identity.name === 'anonymous' ? (request.socket.remoteAddress ?? '') : identity.name);
    requireNeeds(registry, request, identity, needs, path);
    const exchange: Exchange = { request, response, parameters, query, identity, registry };
    await handler.answer(exchange);
    return { identity, ...(exchange.subject !== undefined && { subject: exchange.subject }) };
  } catch (error) {
    const refusal = toRefusal(error);
    await settle(request, response, refusal);
    return { refusal, ...(identity && { identity }) };
  }
}

/** The path with its escapes undone, and the query. Throws Refusal NAME_INVALID for an escape that is none. */
function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const at = url.indexOf('?');
  const path = at === -1 ? url : url.slice(0, at);
  try {
    return { path: decodeURIComponent(path), query: new URLSearchParams(at === -1 ? '' : url.slice(at)) };
  } catch {
    throw new Refusal('NAME_INVALID', 'the path has an escape that is none');
  }
}

/**
 * Who has shown nothing, or a token for something else, is told how to show more (401); who may not is told so (403).
 * `/v2/` itself asks for a name wherever there is something that is not everybody's.
 */
function requireNeeds(
  registry: RegistryContext,
  request: IncomingMessage,
  identity: Identity,
  needs: readonly Need[],
  path: string,
): void {
  const denied = needs.filter(({ repository, action }) => !identity.may(repository, action));
  const challenge = () => registry.access.challenge(request, needs);
  if (denied.length === 0) {
    if (identity.by === 'nothing' && /^\/v2\/?$/.test(path) && registry.access.mustLogin)
      throw new Refusal('UNAUTHORIZED', 'log in first', { headers: challenge() });
    return;
  }
  const what = denied.map(({ repository, action }) => `${action} ${repository}`).join(', ');
  if (identity.by === 'nothing' || identity.by === 'token')
    throw new Refusal('UNAUTHORIZED', `log in as somebody who may ${what}`, {
      headers: challenge(),
      detail: denied,
    });
  throw new Refusal('DENIED', `${identity.name} may not ${what}`, { detail: denied });
}

/**
 * Sends a refusal. What is left of the request's body is thrown away if it is little; else the connection is closed behind
 * the answer, as a client that is still sending would not read it before it was done.
 */
async function settle(request: IncomingMessage, response: ServerResponse, refusal: Refusal): Promise<void> {
  if (!request.complete) {
    const rest = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    if (rest > 1 << 20) response.setHeader('connection', 'close');
    request.resume();
  }
  sendRefusal(response, refusal);
}
