import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import {
  collectGarbage,
  openRegistry,
  openS3Storage,
  parseS3Url,
  type S3Options,
  scrubRegistry,
} from '../../lib/registry-server/index.ts';
import { S3Client } from '../../lib/registry-server/storage/s3/s3-client.ts';
import { S3Entries } from '../../lib/registry-server/storage/s3/s3-entries.ts';
import { HeldUpload, readRecord } from '../../lib/registry-server/storage/s3/s3-upload-record.ts';
import { registryStorageContract } from '../contracts/registry-storage.ts';
import { locationOf, openS3Server, type S3Server } from '../fixtures/s3-server.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { clientOf, sentOf, type TestClient, types } from './client.ts';

registryStorageContract('s3', async (t) =>
  openS3Storage({ ...locationOf(await openS3Server(t), 'team/'), chunkSize: 1 << 20 }),
);
registryStorageContract('s3 without conditional writes', async (t) =>
  openS3Storage({ ...locationOf(await openS3Server(t, { conditional: false })), alone: true }),
);

/** Another store, of which a bucket may be filled: STRAKE_S3=s3://BUCKET?endpoint=URL, with AWS_ACCESS_KEY_ID and its secret. */
const given = process.env.STRAKE_S3;
if (given !== undefined)
  registryStorageContract(given, async () =>
    openS3Storage({ ...parseS3Url(given), prefix: `${randomUUID()}/`, clockSkew: 0, chunkSize: 5 << 20 }),
  );

test('a store without conditional writes is refused, unless one process is to use it', async (t) => {
  const server = await openS3Server(t, { conditional: false });
  await t.throwsAsync(openS3Storage(locationOf(server)), { code: 'ERR_OBJECT_STORE_UNSUITABLE' });
  await using storage = await openS3Storage({ ...locationOf(server), alone: true });
  t.deepEqual(await storage.list('locks'), []);
});

/** Two processes behind a balancer, each with a storage of its own. */
async function openReplicas(t: ExecutionContext, server: S3Server, options: Partial<S3Options> = {}) {
  const open = async () => {
    const storage = await openS3Storage({ ...locationOf(server), chunkSize: 1 << 20, ...options });
    const registry = await openRegistry({ storage });
    t.teardown(() => registry.close(100));
    return clientOf(registry, temporaryFolder(t));
  };
  return [await open(), await open()] as const;
}

test('an image that is pushed to one replica is pulled from another, and deleted there', async (t) => {
  const [one, other] = await openReplicas(t, await openS3Server(t));
  const { digest } = await one.image('team/app', 'v1');
  t.is((await other.send('GET', '/v2/team/app/manifests/v1')).headers.get('docker-content-digest'), digest);
  t.is((await other.send('DELETE', `/v2/team/app/manifests/${digest}`)).status, 202);
  t.is((await one.send('GET', '/v2/team/app/manifests/v1')).status, 404);
  await collectGarbage(one.registry.storage, { grace: -1000 });
  t.deepEqual(await scrubRegistry(other.registry.storage), { blobs: 0, bytes: 0, problems: [] });
});

test('an upload goes on at another replica, which reads nothing of it again', async (t) => {
  const server = await openS3Server(t);
  const [one, other] = await openReplicas(t, server);
  const content = Buffer.alloc(3_500_000, 'upload ');
  const { digest } = sentOf(content);
  const begun = await one.send('POST', '/v2/team/app/blobs/uploads/');
  const at = begun.headers.get('location') ?? '';
  const first = await one.send('PATCH', at, { body: content.subarray(0, 1_234_567) });
  t.is(first.headers.get('range'), '0-1234566');
  t.is((await other.send('GET', at)).headers.get('range'), '0-1234566');
  t.is((await other.send('PATCH', at, { body: content.subarray(1_234_567) })).status, 202);
  const reads = server.requests.filter((line) => line.startsWith('GET data/')).length;
  t.is(reads, 1, 'only the chunk that was not full');
  t.is((await one.send('PUT', `${at}?digest=${digest}`)).status, 201);
  t.is(server.requests.filter((line) => line.startsWith('GET data/')).length, reads);
  t.deepEqual((await other.send('GET', `/v2/team/app/blobs/${digest}`)).bytes, content);
  t.deepEqual(await one.registry.storage.uploads.list(), []);
});

test('a client is sent to the store for a blob, and may read it there without a name', async (t) => {
  const [one] = await openReplicas(t, await openS3Server(t), { redirect: true });
  const { digest } = await one.blob('team/app', 'a layer');
  const { status, headers } = await one.send('GET', `/v2/team/app/blobs/${digest}`);
  t.is(status, 307);
  t.is(headers.get('docker-content-digest'), digest);
  t.is(await (await fetch(headers.get('location') ?? '')).text(), 'a layer');
  const part = await fetch(headers.get('location') ?? '', { headers: { range: 'bytes=2-4' } });
  t.is(await part.text(), 'lay');
  t.is((await one.send('HEAD', `/v2/team/app/blobs/${digest}`)).headers.get('content-length'), '7');
});

test('a store that fails now and then is asked again, and one that does not answer is said to be', async (t) => {
  const server = await openS3Server(t);
  const storage = await openS3Storage(locationOf(server));
  let requests = 0;
  server.interfere = () => {
    if (requests++ % 2 === 0) throw new Error('slow down');
  };
  await storage.write('a', 'one');
  t.is(String(await storage.read('a')), 'one');
  server.interfere = () => {
    throw new Error('down');
  };
  await t.throwsAsync(storage.read('a'), { code: 'ERR_OBJECT_STORE', message: /answered 503/ });
});

test('a removal that was cut short is done by the next, and meanwhile there is no such object', async (t) => {
  const server = await openS3Server(t);
  const storage = await openS3Storage(locationOf(server));
  await storage.write('r/x', '1');
  server.interfere = ({ method, url }) => {
    if (method === 'DELETE' && url?.includes('objects/')) throw new Error('cut');
  };
  t.true(await storage.removeUnneeded('r/x', Date.now() + 1000));
  t.deepEqual(await storage.list('r'), ['x']);
  t.is(await storage.read('r/x'), undefined);
  t.false(await storage.touch('r/x'));
  server.interfere = () => undefined;
  t.true(await storage.removeUnneeded('r/x', Date.now()));
  t.deepEqual(await storage.list('r'), []);
});

test('whoever was taken for dead changes nothing of an upload that another has gone on with', async (t) => {
  const server = await openS3Server(t);
  const location = locationOf(server);
  const entries = new S3Entries(new S3Client(location), 'quoted');
  const storage = await openS3Storage(location);
  await storage.uploads.begin('id', '');
  const dead = await HeldUpload.hold(entries, 'uploads/id', 'id');
  const found = (await readRecord(entries, 'uploads/id'))!;
  const { holder: _, ...free } = found.record;
  await entries.put('uploads/id', { needed: 1, size: 0 }, JSON.stringify(free), found);
  t.is(await storage.uploads.append('id', 0, chunks('alive')), 5);
  await t.throwsAsync(dead.save({ chunks: [] }), { code: 'ERR_UPLOAD_BUSY' });
  dead.end();
  t.is((await storage.uploads.find('id'))?.size, 5);
});

test('whoever was taken for dead makes no object of bytes that another has removed meanwhile', async (t) => {
  const location = locationOf(await openS3Server(t));
  const entries = new S3Entries(new S3Client(location), 'quoted');
  const [storage, other] = [await openS3Storage(location), await openS3Storage(location)];
  await storage.uploads.begin('id', '');
  await storage.uploads.append('id', 0, chunks('bytes'));
  const settled = S3Entries.prototype.settled;
  t.teardown(() => {
    S3Entries.prototype.settled = settled;
  });
  S3Entries.prototype.settled = async function (this: S3Entries, key) {
    if (key === 'objects/blobs/taken' && (await readRecord(entries, 'uploads/id')) !== undefined) {
      const found = (await readRecord(entries, 'uploads/id'))!;
      const { holder: _, ...free } = found.record;
      await entries.put('uploads/id', { needed: 1, size: 0 }, JSON.stringify(free), found);
      await other.uploads.remove('id');
    }
    return settled.call(this, key);
  };
  await t.throwsAsync(storage.uploads.commit('id', 'blobs/taken', 5), { code: 'ERR_UPLOAD_BUSY' });
  t.is(await storage.stat('blobs/taken'), undefined);
  t.false(await storage.touch('blobs/taken'));
});

async function* chunks(...pieces: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

test('nothing is lost of a bucket while two replicas push and a third collects', async (t) => {
  const server = await openS3Server(t);
  const clients = await openReplicas(t, server);
  const collector = await openS3Storage(locationOf(server));
  const stop = new AbortController();
  const collecting = (async () => {
    let rounds = 0;
    for (; !stop.signal.aborted; rounds++) await collectGarbage(collector, { grace: 0, untagged: true });
    return rounds;
  })();
  const tags = new Map<string, string>();
  const work = async (client: TestClient, name: string) => {
    for (let step = 0; step < 6; step++) {
      const { digest } = await pushUntilTaken(client, name, `t${step % 2}`, `content ${step % 3}`);
      tags.set(`${name}/manifests/t${step % 2}`, digest);
    }
  };
  await Promise.all(clients.map((client, at) => work(client, `team/r${at}`)));
  stop.abort();
  t.true((await collecting) > 0);
  for (const [path, digest] of tags) {
    const { status, headers, text } = await clients[0].send('GET', `/v2/${path}`);
    t.is(status, 200, `${path}: ${text}`);
    t.is(headers.get('docker-content-digest'), digest, path);
  }
  await collectGarbage(collector, { grace: -1000, untagged: true });
  t.deepEqual((await scrubRegistry(collector)).problems, []);
});

/** With no grace at all, what was uploaded may be collected before its manifest comes: then it is pushed again. */
async function pushUntilTaken(client: TestClient, name: string, tag: string, content: string) {
  for (let attempt = 0; ; attempt++) {
    const layer = await client.blob(name, content);
    const document = { schemaVersion: 2, mediaType: types.manifest, config: layer, layers: [layer] };
    const sent = await client.manifest(name, tag, document);
    if (sent.status === 201) return sent;
    if (sent.status !== 400 || attempt === 100) throw new Error(`${sent.status}: ${sent.text}`);
  }
}

test('a bucket is named by a URL, and by what AWS has in the environment', (t) => {
  const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
  t.like(parseS3Url('s3://team-registry/a/b/?region=eu-1', keys), {
    endpoint: 'https://s3.eu-1.amazonaws.com',
    bucket: 'team-registry',
    prefix: 'a/b/',
    pathStyle: false,
    redirect: false,
  });
  const own = parseS3Url('s3://registry?redirect=true', {
    ...keys,
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9000',
  });
  t.like(own, { endpoint: 'http://127.0.0.1:9000', prefix: '', pathStyle: true, redirect: true });
  for (const wrong of ['s3://', 's3://UPPER', 's3://registry?endpoint=x', 's3://registry?what=1'])
    t.throws(() => parseS3Url(wrong, keys), { code: 'ERR_CONFIG_INVALID' }, wrong);
  t.throws(() => parseS3Url('s3://registry', {}), { message: /AWS_ACCESS_KEY_ID/ });
  const told = t.throws(() => parseS3Url('s3://KEY:SECRET@registry', keys), { code: 'ERR_CONFIG_INVALID' })!;
  t.notRegex(JSON.stringify({ ...told, message: told.message }), /SECRET/);
});
