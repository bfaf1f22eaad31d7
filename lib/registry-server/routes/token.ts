import type { IncomingMessage } from 'node:http';
import { readBody } from '../../http/index.ts';
import { actions, type Identity } from '../access/access.ts';
import type { RegistryAccess } from '../access/registry-access.ts';
import { type TokenAccess, tokenLife } from '../access/tokens.ts';
import { type Handler, replyJson } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import type { RepositoryName } from '../repository-name.ts';

/** Scopes of one token. */
const mostScopes = 50;

/** `GET /token`: what is asked for, as far as the asker may (Docker's token specification, "Requesting a Token"). */
export function getToken(access: RegistryAccess): Handler {
  return {
    needs: () => [],
    answer: async (exchange) => {
      // Else who has found a token once could have new ones for ever.
      if (exchange.identity.by === 'token')
        throw new Refusal(
          'UNAUTHORIZED',
          'a token is not to be had by a token: send the name and the password',
        );
      const scopes = exchange.query.getAll('scope');
      replyJson(exchange, await tokenFor(access, exchange.identity, scopes), { 'cache-control': 'no-store' });
    },
  };
}

/** `POST /token`: the same with the name and the password in a form (Docker's "OAuth2 Token Authentication"). */
export function postToken(access: RegistryAccess): Handler {
  return {
    needs: () => [],
    answer: async (exchange) => {
      const form = new URLSearchParams((await readBody(exchange.request, 64 * 1024)).toString());
      const identity = await identityOfForm(access, exchange.request, form);
      const token = await tokenFor(access, identity, form.getAll('scope'));
      replyJson(exchange, token, { 'cache-control': 'no-store' });
    },
  };
}

async function identityOfForm(
  access: RegistryAccess,
  request: IncomingMessage,
  form: URLSearchParams,
): Promise<Identity> {
  if (form.get('grant_type') !== 'password')
    throw new Refusal('UNSUPPORTED', 'only grant_type=password is answered', { status: 400 });
  return access.loginAs(request, form.get('username') ?? '', form.get('password') ?? '');
}

async function tokenFor(access: RegistryAccess, identity: Identity, scopes: readonly string[]) {
  const wanted = scopes.flatMap((scope) => scope.split(' ')).filter(Boolean);
  if (wanted.length > mostScopes)
    throw new Refusal('UNSUPPORTED', 'too many scopes at once', { status: 400 });
  const granted = wanted.flatMap((scope) => grantedAccess(identity, scope));
  const token = await access.tokens.sign({ subject: identity.name, access: granted });
  return { token, access_token: token, expires_in: tokenLife, issued_at: new Date().toISOString() };
}

/** `repository:NAME:ACTIONS`, of which those that the identity may do, or `registry:catalog:*`; another grants nothing. */
function grantedAccess(identity: Identity, scope: string): TokenAccess[] {
  if (scope === 'registry:catalog:*') return [{ type: 'registry', name: 'catalog', actions: ['*'] }];
  const match = /^repository(?:\([a-z]+\))?:(.+):([a-z*,]*)$/.exec(scope);
  if (match === null) return [];
  const [, name = '', asked = ''] = match;
  const wanted = asked.split(',');
  const may = actions.filter(
    (action) =>
      (wanted.includes(action) || wanted.includes('*')) && identity.may(name as RepositoryName, action),
  );
  return may.length > 0 ? [{ type: 'repository', name, actions: may }] : [];
}
