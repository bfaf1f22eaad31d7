import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  AccountStore,
  hashPassword,
  openLocalStorage,
  openMemoryStorage,
  openRegistry,
} from '../../lib/registry-server/index.ts';
import { Queue } from '../../lib/registry-server/notify/queue.ts';
import { clientOf, openClient, sha256, types } from './client.ts';

test('a namespace has no more than its quota', async (t) => {
  const settings = { quotas: [{ scope: 'team/*', bytes: 1000 }] };
  const { send, blob } = await openClient(t, { settings });
  const upload = (name: string, size: number, fill = 'x') => {
    const body = fill.repeat(size);
    return send('POST', `/v2/${name}/blobs/uploads/?digest=${sha256(body)}`, { body });
  };
  t.is((await upload('team/a', 700)).status, 201);
  await delay(2100);
  t.like(await upload('team/b', 400), { status: 413, code: 'SIZE_INVALID' });
  t.is((await upload('teamwork', 4000)).status, 201);
  const { digest } = await blob('other', 'y'.repeat(900));
  t.is((await send('POST', `/v2/team/b/blobs/uploads/?mount=${digest}&from=other`)).status, 202);
  t.is((await upload('team/b', 200)).status, 201);
});

test('who sends more requests than is allowed waits', async (t) => {
  const { send } = await openClient(t, { settings: { limits: { requestsPerMinute: 5 } } });
  const replies = [];
  for (let at = 0; at < 7; at++) replies.push(await send('GET', '/v2/'));
  t.deepEqual(
    replies.map(({ status }) => status),
    [200, 200, 200, 200, 200, 429, 429],
  );
  t.is(replies[6]!.code, 'TOOMANYREQUESTS');
  t.true(Number(replies[6]!.headers.get('retry-after')) > 0);
});

test('health, readiness and metrics are answered', async (t) => {
  const { send, image } = await openClient(t);
  await image('a', 'v1');
  t.is((await send('GET', '/healthz')).status, 200);
  t.is((await send('GET', '/readyz')).status, 200);
  const { text, headers } = await send('GET', '/metrics');
  t.is(headers.get('content-type'), 'text/plain; version=0.0.4');
  t.regex(text, /strake_registry_requests_total\{method="PUT",status="201"\} 1\n/);
  t.regex(text, /strake_registry_request_seconds_count [3-9]\n/);
  t.regex(text, /strake_registry_received_bytes_total \d{3,}\n/);
});

test('who reads the metrics is a choice', async (t) => {
  const statusWith = async (metrics?: 'local' | 'administrators' | 'everybody') => {
    const { send } = await openClient(t, { access: {}, settings: metrics ? { metrics } : {} });
    return (await send('GET', '/metrics')).status;
  };
  t.is(await statusWith(), 200);
  t.is(await statusWith('everybody'), 200);
  t.is(await statusWith('administrators'), 403);
});

test('settings that are none are refused with each fault', async (t) => {
  const settings = { quotas: [{ scope: 'A', bytes: -1 }], unknown: 1 } as object;
  await t.throwsAsync(openRegistry({ settings }), {
    code: 'ERR_CONFIG_INVALID',
    message: /quotas.*;.*unknown/s,
  });
});

test('administrators manage accounts by the API, and nobody else', async (t) => {
  const { registry, folder } = await openClient(t, { access: {} });
  const accounts = new AccountStore(registry.storage);
  await accounts.putUser({
    name: 'root',
    password: await hashPassword('root'),
    groups: [],
    isAdmin: true,
    createdAt: '',
  });
  const as = (login?: string) => clientOf(registry, folder, login);
  const put = (path: string, body: object, login = 'root:root') =>
    as(login).send('PUT', `/api/v1${path}`, { body: JSON.stringify(body) });
  t.is((await put('/users/alice', { password: 'wonder', groups: ['dev'] })).status, 204);
  t.is((await put('/grants', { to: 'group:dev', scope: 'team/*', role: 'push' })).status, 204);
  await delay(1100);
  t.is((await as('alice:wonder').send('POST', '/v2/team/a/blobs/uploads/')).status, 202);
  const robot = JSON.parse((await put('/robots/ci', { expiresAt: '2099-01-01' })).text);
  t.is(robot.name, 'robot$ci');
  t.is((await as(`robot$ci:${robot.secret}`).send('GET', '/v2/')).status, 200);
  for (const noun of ['users', 'robots', 'grants']) {
    const { status, text } = await as('root:root').send('GET', `/api/v1/${noun}`);
    t.is(status, 200);
    t.notRegex(text, /scrypt|secret/);
    t.is((await as('alice:wonder').send('GET', `/api/v1/${noun}`)).status, 403);
    t.is((await as().send('GET', `/api/v1/${noun}`)).status, 401);
  }
  t.is((await put('/users/mallory', { password: 'x', isAdmin: true }, 'alice:wonder')).status, 403);
  t.is((await put('/users/new', {})).status, 400);
  t.is((await put('/grants', { to: 'alice', scope: '*', role: 'push' })).status, 400);
  t.is((await as('root:root').send('DELETE', '/api/v1/users/alice')).status, 204);
  t.is((await as('root:root').send('DELETE', '/api/v1/users/alice')).status, 404);
  t.is((await as('alice:wonder').send('GET', '/v2/')).status, 401);
});

interface Told {
  readonly url: string;
  readonly bodies: { readonly text: string; readonly signature: string }[];
  status: number;
}

async function openListener(t: ExecutionContext): Promise<Told> {
  const told: Told = { url: '', bodies: [], status: 200 };
  const server: Server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (told.status === 200)
      told.bodies.push({ text, signature: String(request.headers['x-strake-signature']) });
    response.writeHead(told.status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(told, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` });
}

async function until(holds: () => boolean): Promise<void> {
  for (let wait = 0; !holds() && wait < 200; wait++) await delay(25);
}

test('who wants to know is told what happened, signed, and only what concerns him', async (t) => {
  const told = await openListener(t);
  const settings = {
    webhooks: [{ url: told.url, secret: 's3cret', scope: 'team/*', events: ['push' as const] }],
  };
  const { image, manifest, send } = await openClient(t, { settings });
  await image('other', 'v1');
  const { digest } = await image('team/app', 'v1');
  await send('GET', '/v2/team/app/manifests/v1');
  await until(() => told.bodies.length >= 3);
  await delay(50);
  t.is(told.bodies.length, 3);
  for (const { text, signature } of told.bodies)
    t.is(signature, `sha256=${createHmac('sha256', 's3cret').update(text).digest('hex')}`);
  const last = JSON.parse(told.bodies[2]!.text);
  t.like(last, {
    action: 'push',
    repository: 'team/app',
    tag: 'v1',
    digest,
    mediaType: types.manifest,
    by: 'anonymous',
  });
  t.truthy(last.id);
  t.is((await manifest('team/app', 'v2', {})).status, 400);
});

test('what could not be told is told later, in its order, though the registry was restarted', async (t) => {
  const told = await openListener(t);
  told.status = 500;
  const settings = { webhooks: [{ url: told.url, secret: 'x' }] };
  const { registry, blob, folder } = await openClient(t, { settings });
  for (const content of ['one', 'two', 'three']) await blob('a', content);
  await delay(100);
  await registry.close();
  t.is(told.bodies.length, 0);
  told.status = 200;
  await using _again = await openRegistry({ storage: await openLocalStorage(folder), settings });
  await until(() => told.bodies.length >= 3);
  const digests = told.bodies.map(({ text }) => JSON.parse(text).digest);
  t.deepEqual(digests, ['one', 'two', 'three'].map(sha256));
});

test('what happens within one millisecond is told in its order', async (t) => {
  const told: number[] = [];
  const storage = openMemoryStorage();
  await using queue = new Queue<number>(storage, {
    folder: 'queue',
    lane: () => 'one',
    deliver: async ({ entry }) => told.push(entry) > 0,
    onFailed: (error) => t.fail(String(error)),
  });
  const entries = Array.from({ length: 200 }, (_, at) => at);
  for (const entry of entries) queue.add(entry);
  await until(() => told.length === entries.length);
  t.deepEqual(told, entries);
});
