import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import bcrypt from 'bcryptjs';
import { Accounts } from '../../lib/registry-server/access/accounts.ts';
import { HtpasswdFile } from '../../lib/registry-server/access/htpasswd.ts';
import { AccountStore, hashPassword, openMemoryStorage } from '../../lib/registry-server/index.ts';
import { Mirrors } from '../../lib/registry-server/mirror/mirrors.ts';
import { parseRepositoryName } from '../../lib/registry-server/repository-name.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { clientOf, openClient, sha256, types } from '../registry-server/client.ts';

test('a quota is not passed by sending a blob in chunks, nor by many uploads at once', async (t) => {
  const { send } = await openClient(t, { settings: { quotas: [{ scope: 'team/*', bytes: 1000 }] } });
  const begin = async () => (await send('POST', '/v2/team/a/blobs/uploads/')).headers.get('location')!;
  const chunk = { body: 'x'.repeat(800) };
  const first = await begin();
  t.is((await send('PATCH', first, chunk)).status, 202);
  t.like(await send('PATCH', first, chunk), { status: 413, code: 'SIZE_INVALID' });
  const second = await begin();
  // What a scope has is believed for two seconds.
  await delay(2100);
  t.like(await send('PATCH', second, chunk), { status: 413, code: 'SIZE_INVALID' });
  t.is((await send('PUT', `${first}?digest=${sha256(chunk.body)}`)).status, 201);
  t.is((await send('PATCH', second, { body: 'y'.repeat(150) })).status, 202);
});

test('manifests count for a quota, but not those that are there already', async (t) => {
  const { send, blob, manifest } = await openClient(t, {
    settings: { quotas: [{ scope: 'team/*', bytes: 2000 }] },
  });
  const config = await blob('team/a', '{}');
  const document = (text: string) => ({
    schemaVersion: 2,
    mediaType: types.manifest,
    config,
    layers: [config],
    annotations: { text: text.repeat(1000) },
  });
  t.is((await manifest('team/a', 'v1', document('x'))).status, 201);
  await delay(2100);
  t.like(await manifest('team/a', 'v2', document('y')), { status: 413, code: 'SIZE_INVALID' });
  t.is((await manifest('team/a', 'v2', document('x'))).status, 201);
  t.is((await send('GET', '/v2/team/a/manifests/v2')).status, 200);
});

test('whoever tries one password with many names is stopped, and one with an old password keeps nobody out', async (t) => {
  const { registry, folder } = await openClient(t, { access: { users: 'push' } });
  await addUser(new AccountStore(registry.storage), 'alice');
  const statusOf = async (login: string) =>
    (await clientOf(registry, folder, login).send('GET', '/v2/')).status;
  for (let at = 0; at < 12; at++) await statusOf('old:password');
  t.is(await statusOf('alice:alice'), 200);
  const names = Array.from({ length: 75 }, (_, at) => `robot$r${at}:Summer2026`);
  const statuses = await Promise.all(names.map(statusOf));
  const looked = statuses.filter((status) => status === 401).length;
  t.true(looked >= 59 && looked <= 59 + 8, `${looked}`);
  t.is(await statusOf('robot$other:Summer2026'), 429);
});

test.serial('a name that an htpasswd file does not have takes as long as one that it has', async (t) => {
  const file = join(temporaryFolder(t), 'htpasswd');
  writeFileSync(file, `alice:${await bcrypt.hash('alice', 12)}\n`);
  const accounts = new Accounts(
    new AccountStore(openMemoryStorage()),
    { anonymous: 'none', users: 'none' },
    new HtpasswdFile(file),
  );
  const timeOf = async (name: string) => {
    const began = performance.now();
    await t.throwsAsync(accounts.login(name, 'wrong'));
    return performance.now() - began;
  };
  await timeOf('warm');
  // In turn, so that whatever else the machine does slows both, and the fastest of each.
  let [known, unknown] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let at = 0; at < 4; at++) {
    known = Math.min(known, await timeOf('alice'));
    unknown = Math.min(unknown, await timeOf('bob'));
  }
  t.true(unknown > known / 2, `${unknown} ms and ${known} ms`);
});

test('more connections than are allowed are closed', async (t) => {
  const { registry } = await openClient(t, { settings: { limits: { connections: 2 } } });
  const { hostname, port } = new URL(registry.url);
  const held = await Promise.all(
    [1, 2].map(async () => {
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      t.teardown(() => socket.destroy());
      return socket;
    }),
  );
  const third = connect(Number(port), hostname);
  await once(third, 'close');
  held[0]?.destroy();
  await until(async () => (await fetch(registry.url).catch(() => undefined)) !== undefined);
  t.pass();
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let wait = 0; !(await holds()) && wait < 200; wait++) await delay(25);
}

test('a token buys no other token: what was found once ends when it says', async (t) => {
  const { registry, folder } = await openClient(t, { access: { users: 'push' } });
  await addUser(new AccountStore(registry.storage), 'alice');
  const path = '/token?scope=repository:a:pull';
  const { token } = JSON.parse((await clientOf(registry, folder, 'alice:alice').send('GET', path)).text);
  const headers = { authorization: `Bearer ${token}` };
  const { send } = clientOf(registry, folder);
  t.is((await send('GET', '/v2/a/tags/list', { headers })).status, 404);
  t.like(await send('GET', path, { headers }), { status: 401, code: 'UNAUTHORIZED' });
});

test('guesses that are sent at once are no more than guesses that are sent one after the other', async (t) => {
  const { registry, folder } = await openClient(t, { access: { users: 'push' } });
  await addUser(new AccountStore(registry.storage), 'alice');
  const guesses = Array.from({ length: 15 }, (_, at) =>
    clientOf(registry, folder, `alice:guess${at}`).send('GET', '/v2/'),
  );
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  t.is(statuses.filter((status) => status === 401).length, 10);
  t.is(statuses.filter((status) => status === 429).length, 5);
});

async function addUser(accounts: AccountStore, name: string): Promise<void> {
  const [password, createdAt] = [await hashPassword(name), new Date().toISOString()];
  await accounts.putUser({ name, password, groups: [], isAdmin: false, createdAt });
}

test('a list of referrers has no more bytes than a client must take, however much was written into them', async (t) => {
  const { send, blob, manifest } = await openClient(t);
  const config = await blob('a', '{}');
  const subject = { ...config, digest: sha256('anything') };
  const annotations = Object.fromEntries(
    Array.from({ length: 500 }, (_, at) => [`a${at}`, 'x'.repeat(3000)]),
  );
  for (const of of ['1', '2', '3'])
    t.is(
      (
        await manifest('a', '', {
          schemaVersion: 2,
          config,
          layers: [],
          subject,
          annotations: { ...annotations, of },
        })
      ).status,
      201,
    );
  const seen = [];
  for (let path = `/v2/a/referrers/${subject.digest}`; path !== ''; ) {
    const { bytes, text, headers } = await send('GET', path);
    t.true(bytes.length <= 4 << 20);
    seen.push(...JSON.parse(text).manifests.map((one: typeof subject) => one.digest));
    path = /<(.*)>/.exec(headers.get('link') ?? '')?.[1] ?? '';
  }
  t.is(new Set(seen).size, 3);
  t.is(seen.length, 3);
});

test('a registry that is open to this machine is closed as soon as there is an account', async (t) => {
  const { registry, send } = await openClient(t);
  t.is((await send('POST', '/v2/a/blobs/uploads/')).status, 202);
  await addUser(new AccountStore(registry.storage), 'alice');
  await delay(1100);
  t.is((await send('POST', '/v2/a/blobs/uploads/')).status, 401);
  t.is((await send('GET', '/v2/')).status, 401);
  t.is((await send('PUT', '/api/v1/users/mallory', { body: '{"password":"x"}' })).status, 401);
});

test('a page of the web whose name is made to stand for this machine is not let into an open registry', async (t) => {
  const { registry } = await openClient(t);
  const [host = '', port = ''] = registry.address.split(':');
  const get = async (name: string) => {
    const sent = request({ host, port, path: '/v2/', headers: { host: name } });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  for (const name of ['evil.example', 'evil.example:5000', '127.0.0.1.evil.example'])
    t.is(await get(name), 403);
  for (const name of [registry.address, `localhost:${port}`, '[::1]:5000', 'a.localhost'])
    t.is(await get(name), 200);
});

test('who is nobody by a token lists what everybody may pull, and has a rate of his own address', async (t) => {
  const { image, registry, folder } = await openClient(t, { access: { anonymous: 'push' } });
  await addUser(new AccountStore(registry.storage), 'anonymous');
  await image('a', 'v1');
  const { send } = clientOf(registry, folder);
  const { token } = JSON.parse((await send('GET', '/token?scope=registry:catalog:*')).text);
  const listed = await send('GET', '/v2/_catalog', { headers: { authorization: `Bearer ${token}` } });
  t.deepEqual(JSON.parse(listed.text), { repositories: ['a'] });
});

test('many who ask for a first token, or a mirror, at once are answered from one key, and by one mirror', async (t) => {
  const { registry, send } = await openClient(t, { access: { anonymous: 'pull' } });
  const asked = Array.from({ length: 20 }, async () => JSON.parse((await send('GET', '/token')).text).token);
  for (const token of await Promise.all(asked))
    t.is((await send('GET', '/v2/', { headers: { authorization: `Bearer ${token}` } })).status, 200);
  t.is((await registry.storage.list('access/keys')).length, 1);
  await using mirrors = new Mirrors(registry.storage, [{ prefix: 'hub', upstream: 'http://127.0.0.1:1' }]);
  const found = await Promise.all([1, 2, 3].map(() => mirrors.find(parseRepositoryName('hub/a'))));
  t.is(new Set(found).size, 1);
});
