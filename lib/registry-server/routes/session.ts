import { robotPrefix } from '../access/account-store.ts';
import { loginEntry, type RegistryAccess } from '../access/registry-access.ts';
import { endedCookie, sessionCookie, sessionIdOf } from '../access/session-cookie.ts';
import type { SessionDocument } from '../api-documents.ts';
import { type Exchange, type Handler, reply, replyJson } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import { readObject, textOf } from './json-body.ts';

/** `/api/v1/session`: `GET` who somebody is, `POST` `{"name", "password"}` begins a session, `DELETE` ends it. */
export function sessionRoutes(access: RegistryAccess): Readonly<Record<'get' | 'post' | 'delete', Handler>> {
  return {
    get: {
      needs: () => [],
      answer: async (exchange) => {
        const session = await access.session(exchange.request);
        replyJson(exchange, documentOf(exchange, session?.csrfToken));
      },
    },
    post: { needs: () => [], answer: (exchange) => begin(access, exchange) },
    delete: {
      needs: () => [],
      answer: async (exchange) => {
        const id = sessionIdOf(exchange.request);
        if (id !== undefined) await access.sessions.end(id);
        reply(exchange, 204, { 'set-cookie': endedCookie(exchange.request) });
      },
    },
  };
}

/** Wrong passwords are counted with those of other ways to log in. A new login has a new id, whatever the browser had. */
async function begin(access: RegistryAccess, exchange: Exchange): Promise<void> {
  const { request } = exchange;
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw new Refusal('UNSUPPORTED', 'send the name and the password as application/json', { status: 415 });
  const body = await readObject(exchange);
  const [name, password] = [textOf(body.name), textOf(body.password)];
  if (name.startsWith(robotPrefix)) throw new Refusal('DENIED', 'the page is for users: robots have none');
  // Of the password as it was before: one that is changed meanwhile leaves no session of the old one.
  const proof = (await access.accounts.proofOf(name)) ?? '';
  const identity = await access.loginAs(request, name, password);
  access.onLogin(loginEntry(request, name, 201));
  const before = sessionIdOf(request);
  if (before !== undefined) await access.sessions.end(before);
  const { id, session } = await access.sessions.begin(name, proof);
  const document = documentOf({ ...exchange, identity }, session.csrfToken);
  replyJson(exchange, document, { 'set-cookie': sessionCookie(request, id) }, 201);
}

function documentOf({ identity, registry }: Exchange, csrfToken: string | undefined): SessionDocument {
  const { name, isAdmin, by } = identity;
  return {
    ...(by === 'nothing' ? {} : { name }),
    isAdmin,
    mustLogin: registry.access.mustLogin,
    ...(csrfToken !== undefined && { csrfToken }),
  };
}
