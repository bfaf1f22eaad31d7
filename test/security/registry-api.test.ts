import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Deferred } from '../../lib/deferred/index.ts';
import { LoginFailures } from '../../lib/registry-server/access/login-failures.ts';
import { Changes } from '../../lib/registry-server/changes.ts';
import { collectGarbage, openMemoryStorage } from '../../lib/registry-server/index.ts';
import { Refusal } from '../../lib/registry-server/refusal.ts';
import { parseRepositoryName } from '../../lib/registry-server/repository-name.ts';
import { policyOf } from '../../lib/registry-server/settings-policy.ts';
import { uploadBusy } from '../../lib/registry-server/storage/upload-errors.ts';
import { addUsers, clientOf, openClient, type TestClient } from '../registry-server/client.ts';
import { pushSample } from '../registry-server/sample-images.ts';

/** A registry with an administrator and bob, who is none; their passwords are their names. */
async function openWith(t: ExecutionContext) {
  const { registry, folder } = await openClient(t, { access: {} });
  const accounts = await addUsers(registry, { root: true, bob: false });
  const as = (name?: string) => clientOf(registry, folder, name && `${name}:${name}`);
  return { registry, accounts, as };
}

test.serial('who asks to watch and hangs up before he is answered keeps no place', async (t) => {
  const watched: { changes?: Changes } = {};
  const watch = Changes.prototype.watch;
  t.teardown(() => {
    Changes.prototype.watch = watch;
  });
  let [begun, ended] = [0, 0];
  Changes.prototype.watch = function (this: Changes, ...given) {
    watched.changes = this;
    begun++;
    const stop = watch.apply(this, given);
    return () => {
      ended++;
      stop();
    };
  };
  const { registry } = await openWith(t);
  const { hostname, port } = new URL(registry.url);
  // A password takes a tenth of a second, in which the client is gone.
  const authorization = `Basic ${Buffer.from('bob:bob').toString('base64')}`;
  const socket = connect(Number(port), hostname);
  socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: ${authorization}\r\n\r\n`);
  await delay(20);
  socket.destroy();
  await clientOf(registry, '', 'bob:bob').send('GET', '/api/v1/session');
  for (let wait = 0; wait < 100 && (begun === 0 || ended < begun); wait++) await delay(20);
  t.is(ended, begun);
  t.is(watched.changes?.watchers ?? 0, 0);
});

test('one who watches a hundred times watches no more, and keeps no other out', async (t) => {
  const { registry, as } = await openWith(t);
  const headers = { cookie: await cookieOf(as(), 'bob') };
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const watch = () => fetch(`${registry.url}/api/v1/events`, { headers, signal: stop.signal });
  for (let at = 0; at < 100; at++) t.is((await watch()).status, 200);
  t.is((await watch()).status, 503);
  const others = { cookie: await cookieOf(as(), 'root') };
  const other = await fetch(`${registry.url}/api/v1/events`, { headers: others, signal: stop.signal });
  t.is(other.status, 200);
});

async function cookieOf(client: TestClient, name: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ name, password: name });
  const { headers: set } = await client.send('POST', '/api/v1/session', { headers, body });
  return (set.get('set-cookie') ?? '').split(';')[0] ?? '';
}

test('who has shown nothing writes nothing into the audit log', async (t) => {
  const { as } = await openWith(t);
  const headers = { origin: 'http://evil.example' };
  t.is((await as().send('PUT', `/api/v1/users/${'x'.repeat(8000)}`, { headers, body: '{}' })).status, 403);
  t.is((await as('bob').send('PUT', `/api/v1/users/${'y'.repeat(8000)}`, { body: '{}' })).status, 403);
  const { items } = JSON.parse((await as('root').send('GET', '/api/v1/audit')).text);
  t.deepEqual(
    items.map(({ by, status }: { by: string; status: number }) => [by, status]),
    [['bob', 403]],
  );
  t.true(items[0].target.length < 600);
});

test('what an image says of itself is told only where the repository has its config', async (t) => {
  const { registry, as } = await openWith(t);
  const root = as('root');
  await pushSample(root, 'secret/app', 'v1');
  await pushSample(root, 'team/app', 'v1');
  const path = '/api/v1/repositories/team/app/manifests/v1';
  const config = JSON.parse((await root.send('GET', '/v2/team/app/manifests/v1')).text).config.digest;
  t.truthy(JSON.parse((await root.send('GET', path)).text).image);
  // As after a manifest of an upstream that names what is another repository's here.
  const links = 'repositories/team+app/blobs';
  const [link] = (await registry.storage.list(links)).filter((name) => name === config);
  t.true(await registry.storage.remove(`${links}/${link}`));
  t.is(JSON.parse((await root.send('GET', path)).text).image, undefined);
});

test('metrics are not for whom a proxy on this machine asks', async (t) => {
  const { as } = await openWith(t);
  const status = async (headers: Record<string, string>) =>
    (await as().send('GET', '/metrics', { headers })).status;
  t.is(await status({}), 200);
  for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'via'])
    t.is(await status({ [name]: 'for=192.0.2.1' }), 403, name);
});

test('nothing of the API is kept by a cache', async (t) => {
  const { as } = await openWith(t);
  for (const path of ['users', 'repositories', 'session'])
    t.is((await as('root').send('GET', `/api/v1/${path}`)).headers.get('cache-control'), 'no-store', path);
});

test('an address of IPv6 is as good as all of its network for guessing passwords', async (t) => {
  const failures = new LoginFailures();
  const guess = (address: string) =>
    failures.attempt(address, 'alice', async () => {
      throw new Refusal('UNAUTHORIZED', 'wrong');
    });
  const code = (address: string) => guess(address).catch((error: Refusal) => error.code);
  for (let at = 0; at < 10; at++) t.is(await code(`2001:db8:0:1::${at + 1}`), 'UNAUTHORIZED');
  t.is(await code('2001:db8:0:1:ffff::1'), 'TOOMANYREQUESTS');
  t.is(await code('2001:db8:0:2::1'), 'UNAUTHORIZED');
  t.is(await code('::ffff:192.0.2.1'), 'UNAUTHORIZED');
});

test('a size that takes long to read is read once for all who ask meanwhile', async (t) => {
  const storage = openMemoryStorage();
  const [list, answer] = [storage.list.bind(storage), new Deferred()];
  let reads = 0;
  storage.list = async (folder, options) => {
    reads++;
    await answer.promise;
    return list(folder, options);
  };
  const policy = policyOf({ quotas: [{ scope: 'team/*', bytes: 1000 }] }, storage);
  const first = policy.room(parseRepositoryName('team/a'));
  await delay(2200);
  const second = policy.room(parseRepositoryName('team/a'));
  await delay(20);
  t.is(reads, 1);
  answer.resolve();
  t.deepEqual(await Promise.all([first, second]), [1000, 1000]);
});

test('an upload that is over and that somebody still writes to stops no collection', async (t) => {
  const storage = openMemoryStorage();
  await storage.uploads.begin('slow', '{}');
  await storage.uploads.begin('dead', '{}');
  const remove = storage.uploads.remove.bind(storage.uploads);
  storage.uploads.remove = async (id) => {
    if (id === 'slow') throw uploadBusy(id);
    return remove(id);
  };
  await delay(5);
  const report = await collectGarbage(storage, { uploadLife: 0 });
  t.is(report?.uploads, 1);
});
