import { readdirSync, writeFileSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import {
  collectGarbage,
  openLocalStorage,
  openMemoryStorage,
  scrubRegistry,
} from '../../lib/registry-server/index.ts';
import { openClient, sha256, types } from './client.ts';

const now = { grace: -1000 };

test('what no manifest needs is removed, what one needs stays', async (t) => {
  const { registry, image, blob, send } = await openClient(t);
  await image('a', 'v1');
  const { digest } = await blob('a', 'nobody needs it');
  t.like(await collectGarbage(registry.storage), { blobs: 0, bytes: 0 });
  t.like(await collectGarbage(registry.storage, now), { blobs: 1, bytes: 15, manifests: 0, damaged: [] });
  t.is((await send('GET', `/v2/a/blobs/${digest}`)).status, 404);
  t.is((await send('GET', `/v2/a/blobs/${sha256('layer of v1')}`)).status, 200);
  t.deepEqual((await scrubRegistry(registry.storage)).problems, []);
});

test('content goes when the last repository that had it has let go', async (t) => {
  const { registry, image, send, folder } = await openClient(t);
  const one = await image('a', 'v1', 'same');
  await image('b', 'v1', 'same');
  await send('DELETE', `/v2/a/manifests/${one.digest}`);
  t.like(await collectGarbage(registry.storage, now), { blobs: 2, bytes: 0 });
  t.is((await send('GET', `/v2/b/blobs/${sha256('layer of same')}`)).status, 200);
  t.is((await send('GET', '/v2/a/tags/list')).status, 404);
  await send('DELETE', `/v2/b/manifests/${one.digest}`);
  const report = await collectGarbage(registry.storage, now);
  t.true(report!.bytes > 0);
  t.deepEqual(readdirSync(join(folder, 'objects')), []);
});

test('manifests without a tag stay unless they are to go; what an index or a subject leads to stays', async (t) => {
  const { registry, image, send, manifest } = await openClient(t);
  const child = await image('a', 'child');
  const old = await image('a', 'latest', 'old');
  await image('a', 'latest', 'new');
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [child] };
  const { digest, size, mediaType } = await manifest('a', 'index', index, types.index);
  await send('DELETE', '/v2/a/manifests/child');
  const refer = { schemaVersion: 2, mediaType: types.index, manifests: [], artifactType: 'x/y' };
  const kept = await manifest('a', '', { ...refer, subject: { digest, size, mediaType } }, types.index);
  const lost = await manifest('a', '', { ...refer, subject: old }, types.index);
  t.is((await collectGarbage(registry.storage, now))?.manifests, 0);
  t.is((await collectGarbage(registry.storage, { ...now, untagged: true }))?.manifests, 2);
  const status = async (name: string) => (await send('GET', `/v2/a/manifests/${name}`)).status;
  t.deepEqual(
    await Promise.all(['index', child.digest, kept.digest, 'latest'].map(status)),
    [200, 200, 200, 200],
  );
  t.deepEqual(await Promise.all([old.digest, lost.digest].map(status)), [404, 404]);
  t.is(JSON.parse((await send('GET', `/v2/a/referrers/${old.digest}`)).text).manifests.length, 0);
  t.deepEqual((await scrubRegistry(registry.storage)).problems, []);
});

test('who asks for a blob that is about to be collected keeps it', async (t) => {
  const { registry, blob, send, folder } = await openClient(t);
  const { digest } = await blob('a', 'asked for');
  const hourAgo = new Date(Date.now() - 3600_000);
  const age = () => utimes(join(folder, 'objects/repositories/a/blobs', digest), hourAgo, hourAgo);
  const collect = async () => (await collectGarbage(registry.storage, { grace: 1800_000 }))?.blobs;
  await age();
  t.is((await send('HEAD', `/v2/a/blobs/${digest}`)).status, 200);
  t.is(await collect(), 0);
  await age();
  t.is(await collect(), 1);
});

test('an upload that nobody goes on with is given up', async (t) => {
  const { registry, folder, send } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  await send('PATCH', location, { body: 'some' });
  t.is((await collectGarbage(registry.storage))?.uploads, 0);
  const yesterday = new Date(Date.now() - 25 * 3600_000);
  await utimes(join(folder, 'uploads', location.split('/').at(-1)!, 'data'), yesterday, yesterday);
  t.is((await collectGarbage(registry.storage))?.uploads, 1);
  t.is((await send('GET', location)).status, 404);
});

test('tags go by the rules, and one that any rule keeps stays', async (t) => {
  const { registry, image, send } = await openClient(t);
  for (const tag of ['build-1', 'build-2', 'build-3', 'v1', 'latest']) {
    await image('team/app', tag, 'same');
    await delay(3);
  }
  await image('other/app', 'build-1', 'same');
  const retention = [{ scope: 'team/*', tags: 'build-*', keepLast: 1 }];
  t.is((await collectGarbage(registry.storage, { retention }))?.tags, 2);
  const tags = async (name: string) => JSON.parse((await send('GET', `/v2/${name}/tags/list`)).text).tags;
  t.deepEqual(await tags('team/app'), ['build-3', 'latest', 'v1']);
  t.deepEqual(await tags('other/app'), ['build-1']);
  const both = [
    { scope: '*', keepFor: 0, keepLast: 0 },
    { scope: 'team/*', tags: 'v*', keepLast: 10 },
  ];
  await delay(5);
  await collectGarbage(registry.storage, { retention: both });
  t.deepEqual(await tags('team/app'), ['v1']);
});

test('of two that collect at once one does', async (t) => {
  const { registry, folder } = await openClient(t);
  const sibling = await openLocalStorage(folder);
  const reports = await Promise.all([registry.storage, sibling].map((storage) => collectGarbage(storage)));
  t.true(reports.filter(Boolean).length >= 1);
  t.is(await registry.storage.exclusively('collect', () => collectGarbage(sibling)), undefined);
});

test('nothing is removed of a repository with a manifest that cannot be read, and scrub says which', async (t) => {
  const { registry, image, blob, folder } = await openClient(t);
  const { digest } = await image('a', 'v1');
  await blob('a', 'unneeded');
  const path = join(folder, 'objects/blobs/sha256', digest.slice(7, 9), digest.slice(7));
  const { rmSync } = await import('node:fs');
  rmSync(path);
  t.like(await collectGarbage(registry.storage, now), { damaged: ['a'], blobs: 0 });
  const { problems } = await scrubRegistry(registry.storage);
  t.like(problems, [{ what: 'missing', digest, repository: 'a' }]);
});

test('a corrupt blob is found, taken away, and healed by a push', async (t) => {
  const { registry, image, send, blob, folder } = await openClient(t);
  await image('a', 'v1');
  const digest = sha256('layer of v1');
  writeFileSync(join(folder, 'objects/blobs/sha256', digest.slice(7, 9), digest.slice(7)), 'Layer of v1');
  t.like((await scrubRegistry(registry.storage)).problems, [{ what: 'corrupt', digest }]);
  await scrubRegistry(registry.storage, { remove: true });
  t.is((await send('GET', `/v2/a/blobs/${digest}`)).status, 404);
  t.is((await scrubRegistry(registry.storage)).problems[0]?.what, 'missing');
  await blob('a', 'layer of v1');
  t.deepEqual((await scrubRegistry(registry.storage)).problems, []);
});

for (const [instant, key] of Object.entries({
  'before its link is written': /\/manifests\/sha256/,
  'before its bytes are written': /^blobs\//,
  'before its tag is written': /\/tags\//,
})) {
  test(`a collection ${instant}: the manifest is there with all of its parts, or refused and not there`, async (t) => {
    const storage = openMemoryStorage();
    const client = await openClient(t, { storage });
    const config = await client.blob('a', '{}', types.config);
    const write = storage.write.bind(storage);
    let collections = 0;
    storage.write = async (written, bytes) => {
      if (key.test(written) && collections++ === 0)
        await collectGarbage(storage, { grace: -1000, untagged: true });
      await write(written, bytes);
    };
    const document = { schemaVersion: 2, mediaType: types.manifest, config, layers: [] };
    const { status, digest } = await client.manifest('a', 'v1', document);
    t.is(collections > 0, true);
    const there = await client.send('GET', '/v2/a/manifests/v1');
    t.is(there.status, status === 201 ? 200 : 404);
    t.is((await client.send('GET', `/v2/a/manifests/${digest}`)).status, there.status);
    if (status === 201) t.is((await client.send('GET', `/v2/a/blobs/${config.digest}`)).status, 200);
    t.deepEqual((await scrubRegistry(storage)).problems, []);
  });
}
