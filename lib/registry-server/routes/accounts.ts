import { randomBytes } from 'node:crypto';
import { isEngineError } from '../../errors/index.ts';
import { AccountStore, type Grant, robotPrefix } from '../access/account-store.ts';
import { hashPassword, hashSecret } from '../access/password.ts';
import { type Exchange, type Handler, reply, replyJson } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import { forAdmins } from './for-admins.ts';
import { badRequest, readObject, textOf } from './json-body.ts';

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
    if (password === undefined && known === undefined) throw badRequest('a new user needs a password');
    await store.putUser({
      name,
      password: password === undefined ? (known?.password ?? '') : await hashPassword(textOf(password)),
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
    const until = expiresAt === undefined ? undefined : new Date(textOf(expiresAt));
    if (until && Number.isNaN(until.getTime())) throw badRequest('expiresAt is no time');
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
    const grant = { to: textOf(to), scope: textOf(scope), role: textOf(role) as Grant['role'] };
    await store.putGrant(grant);
    exchange.subject = `${grant.role} on ${grant.scope} to ${grant.to}`;
    reply(exchange, 204);
  }),
  deleteGrant: admin(async (exchange, store) => {
    const { to, scope } = await readObject(exchange);
    const grant = { to: textOf(to), scope: textOf(scope) };
    await store.removeGrant(grant);
    exchange.subject = `${grant.scope} from ${grant.to}`;
    reply(exchange, 204);
  }),
} as const;

function admin(work: (exchange: Exchange, store: AccountStore) => Promise<void>): Handler {
  return forAdmins(async (exchange) => {
    try {
      await work(exchange, new AccountStore(exchange.registry.storage));
    } catch (error) {
      if (isEngineError(error, 'ERR_ACCOUNT_INVALID')) throw badRequest(error.message);
      if (isEngineError(error, 'ERR_ACCOUNT_NOT_FOUND'))
        throw new Refusal('NAME_UNKNOWN', error.message, { cause: error });
      throw error;
    }
  });
}

function list(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(textOf);
  throw badRequest('groups must be a list');
}
