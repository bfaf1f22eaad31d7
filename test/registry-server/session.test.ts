import { once } from 'node:events';
import { get } from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hashPassword, type RegistryOptions } from '../../lib/registry-server/index.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { addUsers, openClient, type Reply, type TestClient, types } from './client.ts';

/** A registry with alice, an administrator, and bob, who is none; their passwords are their names. */
async function openWith(t: ExecutionContext, options: RegistryOptions = {}) {
  const client = await openClient(t, { access: {}, ...options });
  const accounts = await addUsers(client.registry, { alice: true, bob: false });
  return { client, accounts };
}

const json = { 'content-type': 'application/json' };

function logIn(
  client: TestClient,
  name: string,
  password = name,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return client.send('POST', '/api/v1/session', {
    headers: { ...json, ...headers },
    body: JSON.stringify({ name, password }),
  });
}

interface Held {
  readonly cookie: string;
  readonly csrfToken: string;
}

async function heldBy(client: TestClient, name: string): Promise<Held> {
  const { status, headers, text } = await logIn(client, name);
  if (status !== 201) throw new Error(`${status} ${text}`);
  return {
    cookie: (headers.get('set-cookie') ?? '').split(';')[0] ?? '',
    csrfToken: JSON.parse(text).csrfToken,
  };
}

const users = '/api/v1/users';
const newUser = `${users}/carol`;
const body = '{"password":"x"}';

test('a login becomes a cookie that no script reads and no other site sends', async (t) => {
  const { client } = await openWith(t);
  const { headers, text } = await logIn(client, 'alice');
  t.regex(
    headers.get('set-cookie')!,
    /^strake-session=[\w-]{43}; Path=\/api\/v1\/; HttpOnly; SameSite=Strict$/,
  );
  t.is(headers.get('cache-control'), 'no-store');
  t.like(JSON.parse(text), { name: 'alice', isAdmin: true, mustLogin: true });
});

test('over TLS, and behind a proxy with TLS, the cookie is for secure connections only', async (t) => {
  const { client } = await openWith(t);
  const { headers } = await logIn(client, 'alice', 'alice', { 'x-forwarded-proto': 'https' });
  t.regex(headers.get('set-cookie')!, /^__Secure-strake-session=.*; Secure$/);
});

test('what changes something needs the session’s token; what reads does not', async (t) => {
  const { client } = await openWith(t);
  const { cookie, csrfToken } = await heldBy(client, 'alice');
  t.is((await client.send('GET', users, { headers: { cookie } })).status, 200);
  t.is((await client.send('PUT', newUser, { headers: { cookie }, body })).code, 'DENIED');
  const wrong = { cookie, 'x-csrf-token': 'x'.repeat(csrfToken.length) };
  t.is((await client.send('PUT', newUser, { headers: wrong, body })).status, 403);
  const other = { cookie, 'x-csrf-token': (await heldBy(client, 'bob')).csrfToken };
  t.is((await client.send('PUT', newUser, { headers: other, body })).status, 403);
  t.is(
    (await client.send('PUT', newUser, { headers: { cookie, 'x-csrf-token': csrfToken }, body })).status,
    204,
  );
});

test('what comes from another site’s page is refused, whatever it shows', async (t) => {
  const { client } = await openWith(t);
  const authorization = `Basic ${Buffer.from('alice:alice').toString('base64')}`;
  const { host } = new URL(client.registry.url);
  const status = async (headers: Record<string, string>) => {
    const { status } = await client.send('PUT', newUser, { headers: { authorization, ...headers }, body });
    return status;
  };
  t.is(await status({ origin: 'http://evil.example' }), 403);
  t.is(await status({ origin: 'null' }), 403);
  t.is(await status({ 'sec-fetch-site': 'cross-site' }), 403);
  t.is(await status({ 'sec-fetch-site': 'same-site', origin: `http://${host}` }), 403);
  t.is(await status({ 'sec-fetch-site': 'same-origin', origin: `http://${host}` }), 204);
  t.is(await status({ origin: `http://${host}` }), 204);
  t.is(await status({}), 204);
  t.is((await logIn(client, 'alice', 'alice', { origin: 'http://evil.example' })).status, 403);
  const form = { 'content-type': 'text/plain' };
  t.is((await logIn(client, 'alice', 'alice', form)).status, 415);
});

test('an open registry is not for other sites’ pages either', async (t) => {
  const client = await openClient(t);
  const run = (headers: Record<string, string>) =>
    client.send('POST', '/api/v1/runs', { headers, body: '{"kind":"collect"}' });
  t.is((await run({ origin: 'http://evil.example' })).status, 403);
  t.is((await run({})).status, 202);
  t.like(JSON.parse((await client.send('GET', '/api/v1/session')).text), { isAdmin: true, mustLogin: false });
});

test('a session ends when its user says so, has another password, or is removed', async (t) => {
  const { client, accounts } = await openWith(t);
  const isAlive = async ({ cookie }: Held) => {
    const { text } = await client.send('GET', '/api/v1/session', { headers: { cookie } });
    return JSON.parse(text).name !== undefined;
  };
  const [one, two, three] = [
    await heldBy(client, 'bob'),
    await heldBy(client, 'bob'),
    await heldBy(client, 'bob'),
  ];
  t.deepEqual([await isAlive(one), await isAlive(two)], [true, true]);
  const headers = { cookie: one.cookie, 'x-csrf-token': one.csrfToken };
  t.is((await client.send('DELETE', '/api/v1/session', { headers })).status, 204);
  t.deepEqual([await isAlive(one), await isAlive(two)], [false, true]);
  const bob = (await accounts.user('bob'))!;
  await accounts.putUser({ ...bob, password: await hashPassword('another') });
  t.deepEqual([await isAlive(two), await isAlive(three)], [false, false]);
  const { headers: set } = await logIn(client, 'bob', 'another');
  const last = { cookie: set.get('set-cookie')!.split(';')[0]!, csrfToken: '' };
  t.true(await isAlive(last));
  await accounts.removeUser('bob');
  t.false(await isAlive(last));
});

test('a session that is twelve hours old is over, and the next login removes it', async (t) => {
  const { client } = await openWith(t);
  const { storage } = client.registry;
  const { cookie } = await heldBy(client, 'bob');
  const [name] = await storage.list('access/sessions');
  const key = `access/sessions/${name}`;
  const session = JSON.parse((await storage.read(key))!.toString());
  t.true(session.expiresAt <= Date.now() + 12 * 3600_000);
  t.false(cookie.includes(name!));
  await storage.write(key, JSON.stringify({ ...session, expiresAt: Date.now() - 1 }));
  t.is((await client.send('GET', users, { headers: { cookie } })).status, 401);
  await heldBy(client, 'alice');
  t.false((await storage.list('access/sessions')).includes(name!));
});

test('a session is for the API alone: it neither pulls nor becomes a token', async (t) => {
  const { client } = await openWith(t);
  const headers = { cookie: (await heldBy(client, 'alice')).cookie };
  t.is((await client.send('GET', '/v2/', { headers })).status, 401);
  t.is((await client.send('GET', '/v2/team/app/tags/list', { headers })).status, 401);
  const { text } = await client.send('GET', '/token?scope=repository:team/app:pull', { headers });
  const [, claims = ''] = JSON.parse(text).token.split('.');
  t.like(JSON.parse(Buffer.from(claims, 'base64url').toString()), { sub: 'anonymous', access: [] });
  const robot = await logIn(client, 'robot$ci', 'x');
  t.is(robot.status, 403);
});

test('wrong passwords of the page and of docker login are counted together', async (t) => {
  const { client } = await openWith(t);
  const basic = { authorization: `Basic ${Buffer.from('bob:wrong').toString('base64')}` };
  for (let attempt = 0; attempt < 5; attempt++) {
    t.is((await client.send('GET', '/v2/', { headers: basic })).status, 401);
    t.is((await logIn(client, 'bob', 'wrong')).status, 401);
  }
  const refused = await logIn(client, 'bob');
  t.is(refused.status, 429);
  t.regex(refused.headers.get('retry-after')!, /^\d+$/);
  t.is((await logIn(client, 'alice')).status, 201);
});

test('no browser asks for a password in a window of its own', async (t) => {
  const { client } = await openWith(t);
  const { headers } = await client.send('GET', users, { headers: { 'x-csrf-token': '' } });
  t.regex(headers.get('www-authenticate')!, /^Bearer /);
});

/** What comes of a stream until `isEnough`. */
async function watch(client: TestClient, cookie: string) {
  const request = get(`${client.registry.url}/api/v1/events`, { headers: { cookie } });
  const [response] = await once(request, 'response');
  let text = '';
  response.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  await until(() => text.includes('\n\n'));
  return {
    response,
    changes: () => [...text.matchAll(/^data: (.*)$/gm)].map(([, one = '']) => JSON.parse(one)),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('who watches is told of what he may see, and of nothing else; the end of the registry ends it', async (t) => {
  const { client, accounts } = await openWith(t);
  await accounts.putGrant({ to: 'user:bob', scope: 'team/*', role: 'pull' });
  const alice = await heldBy(client, 'alice');
  const [bobs, alices] = [
    await watch(client, (await heldBy(client, 'bob')).cookie),
    await watch(client, alice.cookie),
  ];
  t.is(bobs.response.headers['content-type'], 'text/event-stream');
  const headers = {
    authorization: `Basic ${Buffer.from('alice:alice').toString('base64')}`,
    'content-type': types.index,
  };
  const push = async (name: string) => {
    const document = JSON.stringify({
      schemaVersion: 2,
      mediaType: types.index,
      manifests: [],
    });
    const { status } = await client.send('PUT', `/v2/${name}/manifests/v1`, { headers, body: document });
    t.is(status, 201);
  };
  await push('secret/app');
  await push('team/app');
  await until(() => bobs.changes().length > 0);
  t.deepEqual(bobs.changes(), [
    { topic: 'repositories', action: 'push', repository: 'team/app', by: 'alice', tag: 'v1' },
  ]);
  await until(() => alices.changes().filter(({ topic }) => topic === 'audit').length === 2);
  t.is(alices.changes().filter(({ topic }) => topic === 'repositories').length, 2);
  const ended = [once(bobs.response, 'end'), once(alices.response, 'end')];
  await client.registry.close(60_000);
  await Promise.all(ended);
});

test('the page comes with its policy, packed, and not again while it is the same', async (t) => {
  const page = temporaryFolder(t);
  await mustRun(join(import.meta.dirname, '../../script/build-web'), [page]);
  const client = await openClient(t, { page });
  t.is((await client.send('GET', '/')).headers.get('location'), '/ui/');
  const index = await client.send('GET', '/ui/repositories/team/app:v1.0');
  t.is(index.headers.get('content-type'), 'text/html; charset=utf-8');
  t.regex(
    index.headers.get('content-security-policy')!,
    /default-src 'none'; script-src 'self'; style-src 'self'/,
  );
  t.notRegex(index.headers.get('content-security-policy')!, /unsafe/);
  t.notRegex(index.text, /<script>|style=|onload=/);
  const etag = index.headers.get('etag')!;
  t.is((await client.send('GET', '/ui/', { headers: { 'if-none-match': etag } })).status, 304);
  const [, script = ''] = /src="([^"]+)"/.exec(index.text)!;
  for (const encoding of ['br', 'gzip']) {
    const response = await client.send('GET', script, { headers: { 'accept-encoding': encoding } });
    t.is(response.headers.get('content-encoding'), encoding);
    t.regex(response.headers.get('cache-control')!, /immutable/);
    t.true(Number(response.headers.get('content-length')) < response.bytes.length / 2);
  }
  const plain = await client.send('GET', script, { headers: { 'accept-encoding': 'identity;q=1, br;q=0' } });
  t.is(plain.headers.get('content-encoding'), null);
  t.is((await client.send('GET', '/ui/assets/none.js')).status, 404);
  t.is((await client.send('GET', '/ui/assets/..%2findex.html')).status, 404);
});
