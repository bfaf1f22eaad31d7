import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { openLocalStorage, openRegistry, scrubRegistry } from '../../lib/registry-server/index.ts';
import { freePort } from '../fixtures/registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { clientOf, openClient, type TestClient, types } from './client.ts';

async function digestAt(client: TestClient, name: string, tag: string): Promise<string | null> {
  for (let wait = 0; wait < 200; wait++) {
    const { status, headers } = await client.send('HEAD', `/v2/${name}/manifests/${tag}`);
    if (status === 200) return headers.get('docker-content-digest');
    await delay(25);
  }
  return null;
}

test('what is pushed is copied to the other registry, with its indexes, and only what is in the scope', async (t) => {
  const replica = await openClient(t);
  const settings = { replicas: [{ scope: 'team/*', to: `${replica.registry.url}/copies` }] };
  const client = await openClient(t, { settings });
  await client.image('other', 'v1');
  const image = await client.image('team/app', 'v1');
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [image] };
  const { digest } = await client.manifest('team/app', 'index', index, types.index);
  t.is(await digestAt(replica, 'copies/team/app', 'index'), digest);
  t.is(await digestAt(replica, 'copies/team/app', 'v1'), image.digest);
  t.deepEqual((await scrubRegistry(replica.registry.storage)).problems, []);
  const { text } = await replica.send('GET', '/v2/_catalog');
  t.deepEqual(JSON.parse(text).repositories, ['copies/team/app']);
});

test('what the other registry missed while it was away it gets when it is back, though this one was restarted', async (t) => {
  const port = await freePort();
  const settings = { replicas: [{ scope: '*', to: `http://127.0.0.1:${port}` }] };
  const client = await openClient(t, { settings });
  const { digest } = await client.image('app', 'v1');
  await delay(100);
  await client.registry.close();
  const folder = temporaryFolder(t);
  const replica = clientOf(await openRegistry({ storage: folder, port }), folder);
  t.teardown(() => replica.registry.close(100));
  await using _again = await openRegistry({ storage: await openLocalStorage(client.folder), settings });
  t.is(await digestAt(replica, 'app', 'v1'), digest);
});

test('by schedule, whatever has a tag is copied', async (t) => {
  const client = await openClient(t);
  const { digest } = await client.image('app', 'v1');
  await client.registry.close();
  const replica = await openClient(t);
  const settings = { replicas: [{ scope: '*', to: replica.registry.url, everySeconds: 1 }] };
  await using _again = await openRegistry({ storage: await openLocalStorage(client.folder), settings });
  t.is(await digestAt(replica, 'app', 'v1'), digest);
});
