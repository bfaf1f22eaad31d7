import { randomBytes } from 'node:crypto';
import { isEngineError } from '../../errors/index.ts';
import { readBody } from '../../http/index.ts';
import { AccountStore, type Grant, robotPrefix } from '../access/account-store.ts';
import { hashPassword, hashSecret } from '../access/password.ts';
import { type Exchange, type Handler, reply, replyJson } from '../exchange.ts';
import { Refusal } from '../refusal.ts';

/** What administrators do with accounts, as JSON: `/api/v1/users`, `/robots` and `/grants`. No answer has a password in it. */
export const accountRoutes = {
  listUsers: admin(async (exchange, store) => {
    const users = await store.users();
    replyJson(
      exchange,
      users.map(({ password: _, ...user }) => user),
    );
  }),
  putUser: admin(async (exchange, store) => {
    const { name = '' } = exchange.parameters;
    const { password, groups, isAdmin } = await readObject(exchange);
    const known = await store.user(name);
    if (password === undefined && known === undefined) throw invalid('a new user needs a password');
    await store.putUser({
      name,
      password: password === undefined ? (known?.password ?? '') : await hashPassword(text(password)),
      groups: groups === undefined ? (known?.groups ?? []) : list(groups),
      isAdmin: isAdmin === undefined ? (known?.isAdmin ?? false) : isAdmin === true,
      createdAt: known?.createdAt ?? new Date().toISOString(),
    });
    reply(exchange, 204);
  }),
  deleteUser: admin(async (exchange, store) => {
    await store.removeUser(exchange.parameters.name ?? '');
    reply(exchange, 204);
  }),
  listRobots: admin(async (exchange, store) => {
    const robots = await store.robots();
    replyJson(
      exchange,
      robots.map(({ secret: _, ...robot }) => robot),
    );
  }),
  putRobot: admin(async (exchange, store) => {
    const { name = '' } = exchange.parameters;
    const { expiresAt } = await readObject(exchange);
    const secret = randomBytes(32).toString('base64url');
    const until = expiresAt === undefined ? undefined : new Date(text(expiresAt));
    if (until && Number.isNaN(until.getTime())) throw invalid('expiresAt is no time');
    await store.putRobot({
      name,
      secret: hashSecret(secret),
      createdAt: new Date().toISOString(),
      ...(until && { expiresAt: until.toISOString() }),
    });
    replyJson(exchange, { name: robotPrefix + name, secret });
  }),
  deleteRobot: admin(async (exchange, store) => {
    await store.removeRobot(exchange.parameters.name ?? '');
    reply(exchange, 204);
  }),
  listGrants: admin(async (exchange, store) => replyJson(exchange, await store.grants())),
  putGrant: admin(async (exchange, store) => {
    const { to, scope, role } = await readObject(exchange);
    await store.putGrant({ to: text(to), scope: text(scope), role: text(role) as Grant['role'] });
    reply(exchange, 204);
  }),
  deleteGrant: admin(async (exchange, store) => {
    const { to, scope } = await readObject(exchange);
    await store.removeGrant({ to: text(to), scope: text(scope) });
    reply(exchange, 204);
  }),
} as const;

function admin(work: (exchange: Exchange, store: AccountStore) => Promise<void>): Handler {
  return {
    needs: () => [],
    answer: async (exchange) => {
      if (!exchange.identity.isAdmin) throw refused(exchange);
      try {
        await work(exchange, new AccountStore(exchange.registry.storage));
      } catch (error) {
        if (isEngineError(error, 'ERR_ACCOUNT_INVALID')) throw invalid(error.message);
        if (isEngineError(error, 'ERR_ACCOUNT_NOT_FOUND'))
          throw new Refusal('NAME_UNKNOWN', error.message, { cause: error });
        throw error;
      }
    },
  };
}

function refused({ identity, registry, request }: Exchange): Refusal {
  if (identity.by !== 'nothing') return new Refusal('DENIED', 'this is for administrators');
  const headers = {
    ...registry.access.challenge(request, []),
    'www-authenticate': 'Basic realm="administrators"',
  };
  return new Refusal('UNAUTHORIZED', 'log in as an administrator', { headers });
}

async function readObject({ request }: Exchange): Promise<Record<string, unknown>> {
  const body = (await readBody(request, 64 * 1024)).toString() || '{}';
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // as what is no object
  }
  throw invalid('the body must be a JSON object');
}

function text(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid('a text is missing: see docs/registry.md');
}

function list(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(text);
  throw invalid('groups must be a list');
}

function invalid(message: string): Refusal {
  return new Refusal('UNSUPPORTED', message, { status: 400 });
}
