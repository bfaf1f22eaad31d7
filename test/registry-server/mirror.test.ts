import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { openEngine } from '../../lib/engine/index.ts';
import {
  AccountStore,
  collectGarbage,
  hashPassword,
  scrubRegistry,
} from '../../lib/registry-server/index.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openClient, type Sent, sha256, type TestClient, types } from './client.ts';

/** A way to a registry on which requests are counted, and can be held up, cut, altered, or refused. */
interface Way {
  readonly url: string;
  readonly requests: string[];
  /** Bytes of each blob's answer before the rest waits for `release`. */
  holdAfter: number | undefined;
  release: () => void;
  cutAfter: number | undefined;
  alter: boolean;
  down: boolean;
}

async function openWay(t: ExecutionContext, upstream: TestClient): Promise<Way> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const way: Way = {
    url: '',
    requests: [],
    holdAfter: undefined,
    release,
    cutAfter: undefined,
    alter: false,
    down: false,
  };
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    way.requests.push(`${request.method} ${request.url}`);
    if (way.down) return void request.socket.destroy();
    const sent = httpRequest(upstream.registry.url + request.url, {
      method: request.method!,
      headers: request.headers,
    });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    response.writeHead(answer.statusCode!, answer.headers);
    const isBlob = request.method === 'GET' && /\/blobs\//.test(request.url!);
    let passed = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (isBlob && way.cutAfter !== undefined && passed >= way.cutAfter) {
        way.cutAfter = undefined;
        return void response.destroy();
      }
      if (isBlob && way.holdAfter !== undefined && passed >= way.holdAfter) await released;
      if (isBlob && way.alter) chunk[0]! ^= 1;
      passed += chunk.length;
      response.write(chunk);
    }
    response.end();
  };
  const server: Server = createServer(
    (request, response) => void pass(request, response).catch(() => response.destroy()),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(way, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

interface Pair {
  readonly upstream: TestClient;
  readonly mirror: TestClient;
  readonly way: Way;
}

async function openPair(t: ExecutionContext, settings: object = {}): Promise<Pair> {
  const upstream = await openClient(t);
  const way = await openWay(t, upstream);
  const mirror = await openClient(t, {
    settings: { mirrors: [{ prefix: 'up', upstream: way.url, ...settings }] },
  });
  return { upstream, mirror, way };
}

/** Upstream has an image of one layer, whose manifest the mirror has. */
async function knownLayer({ upstream, mirror }: Pair, bytes: Buffer): Promise<Sent> {
  const layer = await upstream.blob('app', bytes);
  const config = await upstream.blob('app', '{}', types.config);
  const document = { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] };
  await upstream.manifest('app', 'v1', document);
  await mirror.send('GET', '/v2/up/app/manifests/v1');
  return layer;
}

const asked = ({ requests }: Way, pattern: RegExp) => requests.filter((one) => pattern.test(one)).length;

test('what a mirror is asked for it fetches once, and keeps', async (t) => {
  const { upstream, mirror, way } = await openPair(t);
  const { digest } = await upstream.image('team/app', 'v1');
  for (const reference of ['v1', digest, 'v1']) {
    const got = await mirror.send('GET', `/v2/up/team/app/manifests/${reference}`);
    t.deepEqual([got.status, got.headers.get('docker-content-digest')], [200, digest]);
  }
  const layer = sha256('layer of v1');
  const head = await mirror.send('HEAD', `/v2/up/team/app/blobs/${layer}`);
  t.deepEqual([head.status, head.headers.get('content-length')], [200, '11']);
  for (let again = 0; again < 3; again++)
    t.is((await mirror.send('GET', `/v2/up/team/app/blobs/${layer}`)).text, 'layer of v1');
  t.is(asked(way, /manifests/), 1);
  t.is(asked(way, /blobs/), 1);
  t.deepEqual((await scrubRegistry(mirror.registry.storage)).problems, []);
  await collectGarbage(mirror.registry.storage, { grace: -1000 });
  way.down = true;
  t.is((await mirror.send('GET', `/v2/up/team/app/blobs/${layer}`)).status, 200);
});

test('what upstream has not, the mirror has not; what is no mirror of it is its own', async (t) => {
  const { upstream, mirror } = await openPair(t);
  await upstream.image('team/app', 'v1');
  t.is((await mirror.send('GET', '/v2/up/team/app/manifests/v2')).status, 404);
  t.is((await mirror.send('GET', '/v2/up/none/manifests/v1')).status, 404);
  t.is((await mirror.send('GET', `/v2/up/team/app/blobs/${sha256('none')}`)).status, 404);
  t.is((await mirror.send('GET', '/v2/upper/app/manifests/v1')).status, 404);
  await mirror.image('own/app', 'v1');
  t.like(await mirror.send('POST', '/v2/up/team/app/blobs/uploads/'), { status: 405, code: 'UNSUPPORTED' });
  t.is((await mirror.send('PUT', '/v2/up/team/app/manifests/v1', { body: '{}' })).status, 405);
});

test('a tag that moved upstream moves here when it is no longer fresh', async (t) => {
  const { upstream, mirror, way } = await openPair(t, { tagSeconds: 0 });
  const first = await upstream.image('app', 'latest', 'one');
  const get = async () =>
    (await mirror.send('GET', '/v2/up/app/manifests/latest')).headers.get('docker-content-digest');
  t.is(await get(), first.digest);
  t.is(await get(), first.digest);
  t.is(asked(way, /GET .*manifests/), 1);
  t.is(asked(way, /HEAD .*manifests/), 1);
  const second = await upstream.image('app', 'latest', 'two');
  t.is(await get(), second.digest);
});

test('while upstream is down, what is here is served with a warning, and what is not is 503', async (t) => {
  const { upstream, mirror, way } = await openPair(t, { tagSeconds: 0 });
  const { digest } = await upstream.image('app', 'v1');
  await mirror.send('GET', '/v2/up/app/manifests/v1');
  way.down = true;
  const stale = await mirror.send('GET', '/v2/up/app/manifests/v1');
  t.deepEqual([stale.status, stale.headers.get('docker-content-digest')], [200, digest]);
  t.regex(stale.headers.get('warning')!, /^111 /);
  t.like(await mirror.send('GET', '/v2/up/app/manifests/v2'), { status: 503, code: 'UNAVAILABLE' });
});

test('many clients wait for one download, and read it while it arrives', async (t) => {
  const { upstream, mirror, way } = await openPair(t);
  const bytes = noise(3_000_000);
  const layer = await knownLayer({ upstream, mirror, way }, bytes);
  way.holdAfter = 1_000_000;
  const path = `${mirror.registry.url}/v2/up/app/blobs/${layer.digest}`;
  const readers = await Promise.all(Array.from({ length: 6 }, () => fetch(path)));
  const first = await readers[0]!.body!.getReader().read();
  t.true(first.value!.length > 0, 'bytes come before the download has ended');
  way.release();
  for (const reader of readers.slice(1)) t.true(Buffer.from(await reader.arrayBuffer()).equals(bytes));
  const range = await mirror.send('GET', `/v2/up/app/blobs/${layer.digest}`, {
    headers: { range: 'bytes=10-19' },
  });
  t.true(range.bytes.equals(bytes.subarray(10, 20)));
  t.is(asked(way, /GET .*blobs/), 1);
});

test('a download that is cut goes on where it was cut', async (t) => {
  const { upstream, mirror, way } = await openPair(t);
  const bytes = noise(2_000_000);
  const layer = await knownLayer({ upstream, mirror, way }, bytes);
  way.cutAfter = 700_000;
  t.true((await mirror.send('GET', `/v2/up/app/blobs/${layer.digest}`)).bytes.equals(bytes));
  t.is(asked(way, /GET .*blobs/), 2);
});

test('what upstream sends with another digest is never whole here, and not kept', async (t) => {
  const { upstream, mirror, way } = await openPair(t);
  await upstream.image('app', 'v1');
  await mirror.send('GET', '/v2/up/app/manifests/v1');
  way.alter = true;
  const path = `/v2/up/app/blobs/${sha256('layer of v1')}`;
  await t.throwsAsync(mirror.send('GET', path));
  way.alter = false;
  t.is((await mirror.send('GET', path)).text, 'layer of v1');
});

test('upstream is shown a name and a password, and what it refuses is 502', async (t) => {
  const upstream = await openClient(t, { access: {} });
  const accounts = new AccountStore(upstream.registry.storage);
  await accounts.putUser({
    name: 'm',
    password: await hashPassword('pw'),
    groups: [],
    isAdmin: true,
    createdAt: '',
  });
  const admin = { authorization: `Basic ${Buffer.from('m:pw').toString('base64')}` };
  const digest = sha256('{}');
  await upstream.send('POST', `/v2/app/blobs/uploads/?digest=${digest}`, { headers: admin, body: '{}' });
  const config = { mediaType: types.config, digest, size: 2 };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: types.manifest, config, layers: [] });
  await upstream.send('PUT', '/v2/app/manifests/v1', {
    headers: { ...admin, 'content-type': types.manifest },
    body,
  });
  const passwordFile = join(temporaryFolder(t), 'password');
  writeFileSync(passwordFile, 'pw\n');
  const settings = (more: object) => ({
    mirrors: [{ prefix: 'up', upstream: upstream.registry.url, ...more }],
  });
  const mirror = await openClient(t, { settings: settings({ username: 'm', passwordFile }) });
  t.is((await mirror.send('GET', '/v2/up/app/manifests/v1')).status, 200);
  const wrong = await openClient(t, { settings: settings({ username: 'm', password: 'no' }) });
  t.is((await wrong.send('GET', '/v2/up/app/manifests/v1')).status, 502);
});

test('blobs that were asked for longest ago are evicted when a mirror is too large', async (t) => {
  const settings = {
    mirrors: [{ prefix: 'up', upstream: '', maxBytes: 250 }],
    collect: { everySeconds: 1, graceSeconds: 0 },
  };
  const upstream = await openClient(t);
  settings.mirrors[0]!.upstream = upstream.registry.url;
  const mirror = await openClient(t, { settings });
  const layers = [];
  for (let at = 0; at < 3; at++) layers.push(await upstream.blob('app', String(at).repeat(100)));
  const config = await upstream.blob('app', '{}', types.config);
  await upstream.manifest('app', 'v1', { schemaVersion: 2, mediaType: types.manifest, config, layers });
  await mirror.send('GET', '/v2/up/app/manifests/v1');
  for (const { digest } of [layers[1]!, layers[2]!, layers[0]!, layers[2]!]) {
    await mirror.send('GET', `/v2/up/app/blobs/${digest}`);
    await delay(5);
  }
  const there = () => mirror.registry.storage.list('repositories/up+app/blobs');
  for (let wait = 0; wait < 60 && (await there()).length > 2; wait++) await delay(50);
  t.deepEqual(await there(), [layers[0]!.digest, layers[2]!.digest].sort());
  t.is((await mirror.send('GET', `/v2/up/app/blobs/${layers[1]!.digest}`)).text, '1'.repeat(100));
});

test('strake pull takes an image from the mirror that its configuration names', async (t) => {
  const { upstream, mirror, way } = await openPair(t, { prefix: '' });
  const image = buildImage({ layers: [{ entries: [{ path: 'file', content: noise(100_000) }] }] });
  for (const [digest, { bytes, mediaType }] of image.blobs)
    if (digest !== image.target.digest) await upstream.blob('library/app', bytes, mediaType);
  const { bytes, mediaType } = image.blobs.get(image.target.digest)!;
  await upstream.manifest('library/app', 'v1', JSON.parse(bytes.toString()), mediaType);
  const folder = temporaryFolder(t);
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ registries: { 'docker.io': { mirrors: [mirror.registry.url] } } }));
  await using engine = await openEngine({ root: join(folder, 'root'), config });
  const pulled = await engine.images.pull('app:v1');
  t.is(pulled.manifest.digest, image.target.digest);
  t.true(asked(way, /library\/app/) >= 2);
  way.down = true;
  await using other = await openEngine({ root: join(folder, 'other'), config });
  t.is((await other.images.pull('app:v1')).manifest.digest, image.target.digest);
});

test('a mirror that is closed while it fetches cuts that, and leaves nothing of it', async (t) => {
  const { upstream, mirror, way } = await openPair(t);
  const layer = await knownLayer({ upstream, mirror, way }, noise(3 << 20));
  way.holdAfter = 1 << 20;
  const waiting = mirror.send('GET', `/v2/up/app/blobs/${layer.digest}`).catch(() => 'cut');
  await until(async () => (await mirror.registry.storage.uploads.list()).length > 0);
  await mirror.registry.close(50);
  t.is(await waiting, 'cut');
  t.deepEqual(readdirSync(join(mirror.folder, 'uploads')), []);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let wait = 0; !(await holds()) && wait < 400; wait++) await delay(25);
}
