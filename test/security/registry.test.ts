/** Attacks on the registry, each of which must fail. */
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AccountStore, type Grant, hashPassword } from '../../lib/registry-server/index.ts';
import { clientOf, openClient, sentOf, sha256, type TestClient, types } from '../registry-server/client.ts';

/** mallory, whose password is her name, and what was granted; root may do everything. */
async function openGuarded(t: ExecutionContext, grants: readonly Grant[] = []) {
  const { registry, folder } = await openClient(t, { access: {} });
  const accounts = new AccountStore(registry.storage);
  for (const name of ['mallory', 'root'])
    await accounts.putUser({
      name,
      password: await hashPassword(name),
      groups: [],
      isAdmin: name === 'root',
      createdAt: '',
    });
  for (const grant of grants) await accounts.putGrant(grant);
  const as = (name: string): TestClient => clientOf(registry, folder, `${name}:${name}`);
  return { as, registry, folder, accounts };
}

/** Sends a request as it stands; answers its status. Clients mend paths before they send them. */
async function raw(address: string, request: string): Promise<number> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(request);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
    if (answer.includes('\r\n\r\n')) socket.destroy();
  });
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
}

test('no path leads out of the store', async (t) => {
  const { registry, folder, image } = await openClient(t);
  await image('a', 'v1');
  for (const name of [
    '../x',
    '..',
    'a/../../x',
    '%2e%2e/x',
    'a/%2e%2e/%2e%2e/x',
    'a%00',
    'a/.hidden',
    'a+b',
    '/etc',
  ]) {
    for (const rest of ['blobs/uploads/', 'manifests/v1', 'tags/list', `blobs/${sha256('x')}`]) {
      const method = rest.endsWith('uploads/') ? 'POST' : 'GET';
      const status = await raw(
        registry.address,
        `${method} /v2/${name}/${rest} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`,
      );
      t.true([400, 404].includes(status), `${name}/${rest}: ${status}`);
    }
  }
  for (const path of [
    'manifests/..%2f..%2fetc',
    'manifests/%2e%2e',
    'blobs/sha256:..%2f',
    'blobs/uploads/..',
    'referrers/..',
  ]) {
    const status = await raw(registry.address, `GET /v2/a/${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    t.true([400, 404].includes(status), `${path}: ${status}`);
  }
  t.deepEqual(readdirSync(join(folder, 'objects/repositories')), ['a']);
});

test('CVE-2023-2253: a page has no more entries than it may, however many are asked for', async (t) => {
  const { send, image } = await openClient(t);
  await image('a', 'v1');
  for (const path of ['_catalog', 'a/tags/list']) {
    t.is((await send('GET', `/v2/${path}?n=999999999`)).status, 200);
    t.is((await send('GET', `/v2/${path}?n=99999999999999999999`)).status, 400);
    t.is((await send('GET', `/v2/${path}?n=-1`)).status, 400);
  }
});

test('CVE-2021-41190: a document that is a manifest and an index is neither', async (t) => {
  const { blob, manifest } = await openClient(t);
  const config = await blob('a', '{}', types.config);
  const both = { schemaVersion: 2, config, layers: [], manifests: [] };
  for (const type of [types.manifest, types.index])
    t.is((await manifest('a', 'v1', both, type)).code, 'MANIFEST_INVALID');
  const lying = { schemaVersion: 2, mediaType: types.index, config, layers: [] };
  t.is((await manifest('a', 'v1', lying, types.manifest)).code, 'MANIFEST_INVALID');
});

test('CVE-2025-24976 and its like: a blob is not to be had by mounting it from where one may not read', async (t) => {
  const { as } = await openGuarded(t, [{ to: 'user:mallory', scope: 'mallory/*', role: 'push' }]);
  const { digest } = await as('root').blob('secret', 'the secret');
  for (const from of ['&from=secret', '', '&from=mallory/x'])
    t.is(
      (await as('mallory').send('POST', `/v2/mallory/x/blobs/uploads/?mount=${digest}${from}`)).status,
      202,
      from,
    );
  t.is((await as('mallory').send('GET', `/v2/mallory/x/blobs/${digest}`)).status, 404);
  const document = { schemaVersion: 2, mediaType: types.manifest, config: sentOf('the secret'), layers: [] };
  t.is((await as('mallory').manifest('mallory/x', 'v1', document)).code, 'MANIFEST_BLOB_UNKNOWN');
});

test('CVE-2019-16097 and its like: nobody becomes an administrator, or has rights by the beginning of a name', async (t) => {
  const { as, accounts } = await openGuarded(t, [{ to: 'user:mallory', scope: 'team/*', role: 'push' }]);
  const body = JSON.stringify({ password: 'x', isAdmin: true, is_admin: true, has_admin_role: true });
  t.is((await as('mallory').send('PUT', '/api/v1/users/mallory', { body })).status, 403);
  t.is((await as('mallory').send('PUT', '/api/v1/users/other', { body })).status, 403);
  t.false((await accounts.user('mallory'))!.isAdmin);
  for (const name of ['team', 'team-x/app', 'teamwork/app', 'x/team/app'])
    t.is((await as('mallory').send('POST', `/v2/${name}/blobs/uploads/`)).status, 403, name);
});

test('an upload is nobody’s who may not push where it was begun', async (t) => {
  const { as } = await openGuarded(t, [{ to: 'user:mallory', scope: 'mallory/*', role: 'push' }]);
  const location = (await as('root').send('POST', '/v2/secret/blobs/uploads/')).headers.get('location')!;
  await as('root').send('PATCH', location, { body: 'half of a secret' });
  t.is((await as('mallory').send('GET', location)).status, 403);
  const own = location.replace('/v2/secret/', '/v2/mallory/x/');
  t.is((await as('mallory').send('GET', own)).status, 404);
  t.is((await as('mallory').send('PUT', `${own}?digest=${sha256('half of a secret')}`)).status, 404);
});

test('a token for one thing is none for another, whatever its name looks like', async (t) => {
  const { as, registry } = await openGuarded(t, [{ to: 'user:mallory', scope: 'a', role: 'push' }]);
  const scopes = [
    'repository:*:*',
    'repository:a/../secret:pull',
    'repository:secret:pull',
    'registry:admin:*',
    'repository:a:pull,push,admin',
  ];
  const query = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join('&');
  const { token } = JSON.parse((await as('mallory').send('GET', `/token?${query}`)).text);
  const headers = { authorization: `Bearer ${token}` };
  const send = (method: string, path: string) => fetch(registry.url + path, { method, headers });
  t.is((await send('GET', '/v2/secret/tags/list')).status, 401);
  t.is((await send('DELETE', '/v2/a/manifests/v1')).status, 401);
  t.is((await send('GET', '/api/v1/users')).status, 403);
  t.is((await send('POST', '/v2/a/blobs/uploads/')).status, 202);
});

test('what is too large, too deep or too long is refused with little memory', async (t) => {
  const { send, registry } = await openClient(t);
  const before = process.memoryUsage().rss;
  const put = (body: string) =>
    send('PUT', '/v2/a/manifests/v1', { body, headers: { 'content-type': types.manifest } });
  t.is((await put('['.repeat(4_000_000))).code, 'MANIFEST_INVALID');
  t.is((await put(`{"a":`.repeat(500_000))).code, 'MANIFEST_INVALID');
  const layers = `{"schemaVersion":2,"config":{},"layers":[${'{},'.repeat(1_000_000)}{}]}`;
  t.is((await put(layers)).code, 'MANIFEST_INVALID');
  t.is((await put(' '.repeat(5 << 20))).status, 413);
  t.is(
    await raw(registry.address, `GET /v2/${'a/'.repeat(20_000)}tags/list HTTP/1.1\r\nhost: x\r\n\r\n`),
    431,
  );
  t.is((await send('GET', `/v2/${'a-'.repeat(7000)}/tags/list`)).code, 'NAME_INVALID');
  t.true(process.memoryUsage().rss - before < 400 << 20);
});

test('a request that was smuggled into another’s body is not one', async (t) => {
  const { registry, folder } = await openClient(t);
  const inner = 'DELETE /v2/a/manifests/v1 HTTP/1.1\r\nhost: x\r\n\r\n';
  const both = `POST /v2/a/blobs/uploads/ HTTP/1.1\r\nhost: x\r\ncontent-length: ${inner.length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`;
  t.is(await raw(registry.address, both), 400);
  t.false(existsSync(join(folder, 'objects/repositories')));
});
