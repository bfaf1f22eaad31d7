import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { TokenKeys } from '../../lib/registry-server/access/token-keys.ts';
import {
  AccountStore,
  type Grant,
  hashPassword,
  hashSecret,
  openLocalStorage,
  openMemoryStorage,
  type RegistryOptions,
} from '../../lib/registry-server/index.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { clientOf, openClient, sha256, type TestClient } from './client.ts';

interface Accounts {
  readonly users?: Readonly<
    Record<string, { readonly groups?: readonly string[]; readonly isAdmin?: boolean }>
  >;
  readonly grants?: readonly Grant[];
}

/** A registry with users whose password is their name. */
async function openWith(
  t: ExecutionContext,
  { users = { alice: {} }, grants = [] }: Accounts,
  options: RegistryOptions = {},
): Promise<{ as: (name?: string, password?: string) => TestClient; accounts: AccountStore }> {
  const { registry, folder } = await openClient(t, { access: {}, ...options });
  const accounts = new AccountStore(registry.storage);
  const createdAt = new Date().toISOString();
  for (const [name, { groups = [], isAdmin = false }] of Object.entries(users))
    await accounts.putUser({ name, password: await hashPassword(name), groups, isAdmin, createdAt });
  for (const grant of grants) await accounts.putGrant(grant);
  const as = (name?: string, password = name) => clientOf(registry, folder, name && `${name}:${password}`);
  return { as, accounts };
}

const upload = (name: string) => `/v2/${name}/blobs/uploads/`;

test('who has shown nothing is told where to log in, for what', async (t) => {
  const { as } = await openWith(t, {});
  const base = await as().send('GET', '/v2/');
  t.deepEqual([base.status, base.code], [401, 'UNAUTHORIZED']);
  t.regex(
    base.headers.get('www-authenticate')!,
    /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/token",service="strake-registry"$/,
  );
  const pull = await as().send('GET', '/v2/team/app/manifests/v1');
  t.is(pull.status, 401);
  t.regex(pull.headers.get('www-authenticate')!, /scope="repository:team\/app:pull"$/);
  const push = await as().send('POST', upload('team/app'));
  t.regex(push.headers.get('www-authenticate')!, /scope="repository:team\/app:pull,push"$/);
});

test('a wrong password, and a name that there is not, are answered alike', async (t) => {
  const { as } = await openWith(t, {});
  const [wrong, unknown] = [
    await as('alice', 'x').send('GET', '/v2/'),
    await as('nobody').send('GET', '/v2/'),
  ];
  t.deepEqual([wrong.status, wrong.text], [unknown.status, unknown.text]);
  t.is(wrong.status, 401);
  t.is((await as('alice').send('GET', '/v2/')).status, 200);
});

test('a user may do what was granted to him, where it was granted', async (t) => {
  const { as } = await openWith(t, {
    users: { alice: {}, bob: { groups: ['dev'] }, carol: {}, root: { isAdmin: true } },
    grants: [
      { to: 'user:alice', scope: 'team/*', role: 'push' },
      { to: 'group:dev', scope: 'team/app', role: 'pull' },
      { to: 'users', scope: 'public/*', role: 'pull' },
      { to: 'user:carol', scope: 'team/app', role: 'delete' },
    ],
  });
  await as('alice').image('team/app', 'v1');
  const get = async (name: string, path: string) => (await as(name).send('GET', path)).status;
  t.is(await get('bob', '/v2/team/app/manifests/v1'), 200);
  t.is(await get('bob', '/v2/team/other/manifests/v1'), 403);
  t.is(await get('bob', '/v2/public/x/manifests/v1'), 404);
  t.is((await as('bob').send('POST', upload('team/app'))).code, 'DENIED');
  t.is((await as('alice').send('POST', upload('teamwork/app'))).code, 'DENIED');
  t.is((await as('alice').send('POST', upload('team'))).code, 'DENIED');
  t.is((await as('alice').send('DELETE', '/v2/team/app/manifests/v1')).code, 'DENIED');
  t.is((await as('carol').send('DELETE', '/v2/team/app/manifests/v1')).status, 202);
  t.is((await as('root').send('POST', upload('anywhere/at/all'))).status, 202);
});

test('a token allows what was asked for and may be, and nothing else', async (t) => {
  const { as } = await openWith(t, { grants: [{ to: 'user:alice', scope: 'team/*', role: 'push' }] });
  const ask = async (query: string, name: string | undefined = 'alice') => {
    const { text, status } = await as(name).send('GET', `/token?service=strake-registry&${query}`);
    t.is(status, 200);
    const { token, access_token, expires_in } = JSON.parse(text);
    t.is(token, access_token);
    t.is(expires_in, 300);
    return (method: string, path: string) =>
      as().send(method, path, { headers: { authorization: `Bearer ${token}` } });
  };
  const pusher = await ask('scope=repository:team/app:pull,push,delete');
  t.is((await pusher('POST', upload('team/app'))).status, 202);
  t.is((await pusher('GET', '/v2/team/app/tags/list')).status, 404);
  const denied = await pusher('POST', upload('team/other'));
  t.deepEqual([denied.status, denied.code], [401, 'UNAUTHORIZED']);
  t.regex(denied.headers.get('www-authenticate')!, /team\/other:pull,push/);
  t.is((await pusher('DELETE', '/v2/team/app/manifests/v1')).status, 401);
  const puller = await ask('scope=repository:team/app:pull');
  t.is((await puller('POST', upload('team/app'))).status, 401);
  const nothing = await ask('scope=repository:other/app:pull');
  t.is((await nothing('GET', '/v2/other/app/tags/list')).status, 401);
  t.is((await nothing('GET', '/v2/')).status, 200);
  const two = await ask(
    'scope=repository:team/a:pull,push%20repository:team/b:pull&scope=repository:team/c:push',
  );
  t.is((await two('POST', upload('team/c'))).status, 202);
});

test('a token that was altered, is of another key, or has expired is refused', async (t) => {
  const { as } = await openWith(t, { grants: [{ to: 'user:alice', scope: '*', role: 'push' }] });
  const { token } = JSON.parse((await as('alice').send('GET', '/token?scope=repository:a:pull')).text);
  const [head, body, signature] = token.split('.');
  const more = Buffer.from(body, 'base64url').toString().replace('"pull"', '"pull","push"');
  const forged = [head, Buffer.from(more).toString('base64url'), signature].join('.');
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const claims = { access: [{ type: 'repository', name: 'a', actions: ['pull'] }] };
  const other = await new SignJWT(claims)
    .setProtectedHeader(JSON.parse(Buffer.from(head, 'base64url').toString()))
    .setIssuer('strake-registry')
    .setAudience('strake-registry')
    .setExpirationTime('5m')
    .sign(privateKey);
  const status = async (value: string) =>
    (await as().send('GET', '/v2/a/tags/list', { headers: { authorization: `Bearer ${value}` } })).status;
  t.is(await status(token), 404);
  for (const bad of [forged, none, other, 'x', '']) t.is(await status(bad), 401);
});

test('two processes on one storage believe the tokens of each other', async (t) => {
  const { as } = await openWith(t, { grants: [{ to: 'user:alice', scope: '*', role: 'push' }] });
  const { token } = JSON.parse((await as('alice').send('GET', '/token?scope=repository:a:push')).text);
  const sibling = await openClient(t, { storage: await openLocalStorage(as().folder), access: {} });
  const headers = { authorization: `Bearer ${token}` };
  t.is((await sibling.send('POST', upload('a'), { headers })).status, 202);
});

test('a token may be asked for by a form, as OAuth has it', async (t) => {
  const { as } = await openWith(t, { grants: [{ to: 'user:alice', scope: '*', role: 'pull' }] });
  const post = (form: Record<string, string>) =>
    as().send('POST', '/token', { body: new URLSearchParams(form).toString() });
  const good = { grant_type: 'password', username: 'alice', password: 'alice', scope: 'repository:a:pull' };
  const { status, text } = await post(good);
  t.is(status, 200);
  const headers = { authorization: `Bearer ${JSON.parse(text).access_token}` };
  t.is((await as().send('GET', '/v2/a/tags/list', { headers })).status, 404);
  t.is((await post({ ...good, password: 'x' })).status, 401);
  t.is((await post({ ...good, grant_type: 'refresh_token' })).status, 400);
});

test('everybody may read where that is granted, and must log in to write', async (t) => {
  const { as } = await openWith(
    t,
    { grants: [{ to: 'user:alice', scope: '*', role: 'push' }] },
    { access: { anonymous: 'pull' } },
  );
  await as('alice').image('a', 'v1');
  t.is((await as().send('GET', '/v2/a/manifests/v1')).status, 200);
  t.is((await as().send('POST', upload('a'))).status, 401);
  t.is((await as().send('GET', '/v2/')).status, 401);
  const { token } = JSON.parse((await as().send('GET', '/token?scope=repository:a:pull,push')).text);
  const headers = { authorization: `Bearer ${token}` };
  t.is((await as().send('GET', '/v2/a/manifests/v1', { headers })).status, 200);
  t.is((await as().send('POST', upload('a'), { headers })).status, 401);
});

test('a blob is mounted only from where it may be pulled', async (t) => {
  const { as } = await openWith(t, {
    users: { alice: {}, root: { isAdmin: true } },
    grants: [{ to: 'user:alice', scope: 'mine/*', role: 'push' }],
  });
  const { digest } = await as('root').blob('secret/app', 'secret');
  const mounted = await as('alice').send('POST', `${upload('mine/app')}?mount=${digest}&from=secret/app`);
  t.is(mounted.status, 202);
  t.is((await as('alice').send('GET', `/v2/mine/app/blobs/${digest}`)).status, 404);
  await as('root').blob('mine/other', 'shared');
  const shared = `${upload('mine/app')}?mount=${sha256('shared')}&from=mine/other`;
  t.is((await as('alice').send('POST', shared)).status, 201);
});

test('the catalog shows what one may pull', async (t) => {
  const { as } = await openWith(t, {
    users: { alice: {}, root: { isAdmin: true } },
    grants: [{ to: 'user:alice', scope: 'team/*', role: 'pull' }],
  });
  for (const name of ['team/a', 'team/b', 'other/c']) await as('root').image(name, 'v1');
  const list = async (name?: string) =>
    JSON.parse((await as(name).send('GET', '/v2/_catalog')).text).repositories;
  t.deepEqual(await list('root'), ['other/c', 'team/a', 'team/b']);
  t.deepEqual(await list('alice'), ['team/a', 'team/b']);
  t.deepEqual(await list(), []);
  const { token } = JSON.parse((await as('alice').send('GET', '/token?scope=registry:catalog:*')).text);
  const { text } = await as().send('GET', '/v2/_catalog', { headers: { authorization: `Bearer ${token}` } });
  t.deepEqual(JSON.parse(text).repositories, ['team/a', 'team/b']);
});

test('a robot has a secret, what was granted to it, and an end', async (t) => {
  const { as, accounts } = await openWith(t, { grants: [{ to: 'robot:ci', scope: 'team/*', role: 'push' }] });
  const createdAt = new Date().toISOString();
  await accounts.putRobot({ name: 'ci', secret: hashSecret('s3cret'), createdAt });
  await accounts.putRobot({ name: 'old', secret: hashSecret('s3cret'), createdAt, expiresAt: createdAt });
  t.is((await as('robot$ci', 's3cret').send('POST', upload('team/app'))).status, 202);
  t.is((await as('robot$ci', 's3cret').send('POST', upload('other'))).status, 403);
  t.is((await as('robot$ci', 'wrong').send('POST', upload('team/app'))).status, 401);
  t.is((await as('ci', 's3cret').send('POST', upload('team/app'))).status, 401);
  t.regex((await as('robot$old', 's3cret').send('GET', '/v2/')).text, /expired/);
});

test('what is changed while a registry serves counts within a second', async (t) => {
  const { as, accounts } = await openWith(t, {});
  t.is((await as('alice').send('POST', upload('a'))).status, 403);
  await accounts.putGrant({ to: 'user:alice', scope: 'a', role: 'push' });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  t.is((await as('alice').send('POST', upload('a'))).status, 202);
  await accounts.removeUser('alice');
  t.is((await as('alice').send('POST', upload('a'))).status, 401);
  t.deepEqual(await accounts.grants(), []);
});

test('users of an htpasswd file log in, with bcrypt and argon2', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'htpasswd');
  const { argon2id } = await import('hash-wasm');
  const argon = await argon2id({
    password: 'two',
    salt: Buffer.alloc(16, 1),
    iterations: 2,
    memorySize: 1024,
    parallelism: 1,
    hashLength: 32,
    outputType: 'encoded',
  });
  writeFileSync(
    path,
    `# users\n${await mustRun('htpasswd', ['-nbB', '-C', '5', 'one', 'one'])}\ntwo:${argon}\n`,
  );
  const { as } = await openWith(t, { users: {} }, { access: { htpasswd: path, users: 'push' } });
  for (const name of ['one', 'two']) {
    t.is((await as(name).send('POST', upload('a'))).status, 202, name);
    t.is((await as(name, 'x').send('POST', upload('a'))).status, 401, name);
  }
  writeFileSync(path, 'one:plaintext\n');
  const { status, text } = await as('one').send('GET', '/v2/');
  t.is(status, 500);
  t.notRegex(text, /htpasswd/);
});

test('who guesses passwords is stopped, and others are not', async (t) => {
  const { as } = await openWith(t, { users: { alice: {}, bob: {} } });
  for (let attempt = 0; attempt < 10; attempt++)
    t.is((await as('alice', `guess${attempt}`).send('GET', '/v2/')).status, 401);
  const { status, headers, code } = await as('alice').send('GET', '/v2/');
  t.deepEqual([status, code], [429, 'TOOMANYREQUESTS']);
  t.true(Number(headers.get('retry-after')) > 0);
  t.is((await as('bob').send('GET', '/v2/')).status, 200);
});

test('tokens of an outside issuer are believed, and nobody else who says that he is it', async (t) => {
  const [trusted, other] = [await generateKeyPair('RS256'), await generateKeyPair('RS256')];
  const jwk = { ...(await exportJWK(trusted.publicKey)), kid: 'k1', alg: 'RS256' };
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] }))).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  t.teardown(() => server.close());
  const issuer = {
    issuer: 'https://issuer.example',
    jwks: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    audience: 'my-registry',
    realm: 'https://issuer.example/token',
  };
  const { as } = await openWith(t, { users: {} }, { access: { issuer } });
  const token = (key: CryptoKey, iss: string, aud: string, expires = '5m') =>
    new SignJWT({ access: [{ type: 'repository', name: 'a', actions: ['push', 'pull'] }] })
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .setIssuer(iss)
      .setAudience(aud)
      .setSubject('outsider')
      .setExpirationTime(expires)
      .sign(key);
  const status = async (value: string) =>
    (await as().send('POST', upload('a'), { headers: { authorization: `Bearer ${value}` } })).status;
  const { issuer: iss, audience } = issuer;
  t.is(await status(await token(trusted.privateKey, iss, audience)), 202);
  t.is(await status(await token(other.privateKey, iss, audience)), 401);
  t.is(await status(await token(trusted.privateKey, 'strake-registry', audience)), 401);
  t.is(await status(await token(trusted.privateKey, iss, 'another')), 401);
  t.is(await status(await token(trusted.privateKey, iss, audience, '-5m')), 401);
  const { headers } = await as().send('GET', '/v2/');
  t.is(headers.get('www-authenticate'), 'Bearer realm="https://issuer.example/token",service="my-registry"');
});

test('a registry that others reach is closed unless something else is said, one on loopback once it has accounts', async (t) => {
  const outside = await openClient(t, { host: '0.0.0.0' });
  const at = (client: TestClient) =>
    fetch(`http://127.0.0.1:${client.registry.address.split(':').at(-1)}/v2/a/tags/list`);
  t.is((await at(outside)).status, 401);
  const { accounts, as } = await openWith(t, {});
  t.is((await accounts.users()).length, 1);
  const again = await openClient(t, { storage: await openLocalStorage(as().folder) });
  t.is((await at(again)).status, 401);
  t.is((await at(await openClient(t))).status, 404);
});

test('names and scopes that are none are refused', async (t) => {
  const { accounts } = await openWith(t, { users: {} });
  const user = { password: '', groups: [], isAdmin: false, createdAt: '' };
  for (const name of ['', '../x', 'a/b', 'robot$x', 'a b', 'x'.repeat(101)])
    await t.throwsAsync(accounts.putUser({ ...user, name }), { code: 'ERR_ACCOUNT_INVALID' }, name);
  for (const scope of ['', 'team*', '/', 'A/*', 'team/**'])
    await t.throwsAsync(
      accounts.putGrant({ to: 'users', scope, role: 'pull' }),
      { code: 'ERR_ACCOUNT_INVALID' },
      scope,
    );
  await t.throwsAsync(accounts.putGrant({ to: 'alice', scope: '*', role: 'pull' }), {
    code: 'ERR_ACCOUNT_INVALID',
  });
  await t.throwsAsync(accounts.removeUser('nobody'), { code: 'ERR_ACCOUNT_NOT_FOUND' });
});

test('a token of a key that another process has just made is believed at once', async (t) => {
  const storage = openMemoryStorage();
  const [one, other] = [new TokenKeys(storage), new TokenKeys(storage)];
  await other.signingKey();
  const { id } = await one.signingKey();
  await one.rotate();
  const newest = await one.signingKey();
  t.truthy(await other.verifyingKey(id));
  t.truthy(await other.verifyingKey(newest.id));
  t.is(await other.verifyingKey(randomUUID()), undefined);
  t.is(await other.verifyingKey('../users/alice'), undefined);
});
