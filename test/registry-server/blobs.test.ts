import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { openLocalStorage } from '../../lib/registry-server/index.ts';
import { noise } from '../fixtures/image.ts';
import { openClient, type Reply, sha256, sha512, types } from './client.ts';

test('/v2/ says that this is a registry', async (t) => {
  const { send } = await openClient(t);
  for (const path of ['/v2/', '/v2']) {
    const { status, text, headers } = await send('GET', path);
    t.deepEqual([status, text], [200, '{}']);
    t.is(headers.get('docker-distribution-api-version'), 'registry/2.0');
  }
  t.is((await send('HEAD', '/v2/')).status, 200);
});

test('a path that is none is 404, a method that is none is 405 with those that are', async (t) => {
  const { send } = await openClient(t);
  t.like(await send('GET', '/v1/search'), { status: 404, code: 'UNSUPPORTED' });
  const { status, headers, code } = await send('POST', '/v2/a/tags/list');
  t.deepEqual([status, headers.get('allow'), code], [405, 'GET, HEAD', 'UNSUPPORTED']);
});

test('names that are none are refused', async (t) => {
  const { send } = await openClient(t);
  for (const name of ['A', 'a//b', '-a', 'a/_b', 'a..b', `${'a'.repeat(256)}`, 'a%2F..%2Fb']) {
    t.like(await send('POST', `/v2/${name}/blobs/uploads/`), { status: 400, code: 'NAME_INVALID' }, name);
  }
  t.like(await send('GET', '/v2/%ZZ/tags/list'), { status: 400, code: 'NAME_INVALID' });
  t.is((await send('POST', '/v2/a/b__c/d.e-f/blobs/uploads/')).status, 202);
});

test('a blob is uploaded in one request and read whole', async (t) => {
  const { send } = await openClient(t);
  const digest = sha256('hello');
  const { status, headers } = await send('POST', `/v2/team/app/blobs/uploads/?digest=${digest}`, {
    body: 'hello',
  });
  t.is(status, 201);
  t.is(headers.get('location'), `/v2/team/app/blobs/${digest}`);
  t.is(headers.get('docker-content-digest'), digest);
  const got = await send('GET', `/v2/team/app/blobs/${digest}`);
  t.deepEqual([got.status, got.text], [200, 'hello']);
  t.is(got.headers.get('content-type'), 'application/octet-stream');
  t.is(got.headers.get('docker-content-digest'), digest);
  t.is(got.headers.get('accept-ranges'), 'bytes');
  const head = await send('HEAD', `/v2/team/app/blobs/${digest}`);
  t.deepEqual([head.status, head.text, head.headers.get('content-length')], [200, '', '5']);
});

test('a blob is uploaded by POST and PUT, in its form for those who announce no length, too', async (t) => {
  const { send } = await openClient(t);
  const digest = sha256('world');
  const begun = await send('POST', '/v2/a/blobs/uploads/');
  t.is(begun.status, 202);
  t.is(begun.headers.get('range'), '0-0');
  const location = begun.headers.get('location')!;
  t.regex(location, /^\/v2\/a\/blobs\/uploads\/[0-9a-f-]{36}$/);
  t.is(location.split('/').at(-1), begun.headers.get('docker-upload-uuid') ?? '');
  const put = await send('PUT', `${location}?digest=${digest}`, { body: 'world' });
  t.deepEqual([put.status, put.headers.get('location')], [201, `/v2/a/blobs/${digest}`]);
  t.is((await send('GET', `/v2/a/blobs/${digest}`)).text, 'world');
  t.like(await send('GET', location), { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
});

test('a blob is uploaded in chunks, and asked about in between', async (t) => {
  const { send } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  const first = await send('PATCH', location, {
    body: 'hello ',
    headers: { 'content-range': '0-5', 'content-type': 'application/octet-stream' },
  });
  t.deepEqual(
    [first.status, first.headers.get('range'), first.headers.get('location')],
    [202, '0-5', location],
  );
  const status = await send('GET', location);
  t.deepEqual(
    [status.status, status.headers.get('range'), status.headers.get('location')],
    [204, '0-5', location],
  );
  const last = await send('PUT', `${location}?digest=${sha256('hello world')}`, {
    body: 'world',
    headers: { 'content-range': '6-10' },
  });
  t.is(last.status, 201);
  t.is((await send('GET', `/v2/a/blobs/${sha256('hello world')}`)).text, 'hello world');
});

test('chunks out of order are 416 with where the upload stands, and it goes on from there', async (t) => {
  const { send } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  const at = (body: string, range: string, method = 'PATCH', query = '') =>
    send(method, location + query, { body, headers: { 'content-range': range } });
  const early = await at('later', '5-9');
  t.deepEqual([early.status, early.code, early.headers.get('range')], [416, 'BLOB_UPLOAD_INVALID', '0-0']);
  t.is((await at('12345', '0-4')).status, 202);
  for (const range of ['0-4', '3-7', '6-10']) {
    const { status, headers } = await at('67890', range);
    t.deepEqual([status, headers.get('range'), headers.get('location')], [416, '0-4', location], range);
  }
  t.is((await at('67890', '6-10', 'PUT', `?digest=${sha256('1234567890')}`)).status, 416);
  t.is((await at('67890', '5-9')).status, 202);
  t.is((await send('PUT', `${location}?digest=${sha256('1234567890')}`)).status, 201);
});

test('a chunk whose range and length differ, or whose range is none, is refused', async (t) => {
  const { send } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  const status = async (range: string) =>
    (await send('PATCH', location, { body: '12345', headers: { 'content-range': range } })).status;
  t.is(await status('0-9'), 400);
  t.is(await status('4-0'), 416);
  t.is(await status('all of it'), 416);
  t.is((await send('GET', location)).headers.get('range'), '0-0');
});

test('an upload whose digest is another is refused, and gone', async (t) => {
  const { send, folder } = await openClient(t);
  const wrong = sha256('something else');
  t.like(await send('POST', `/v2/a/blobs/uploads/?digest=${wrong}`, { body: 'hello' }), {
    status: 400,
    code: 'DIGEST_INVALID',
  });
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  t.like(await send('PUT', `${location}?digest=${wrong}`, { body: 'hello' }), {
    status: 400,
    code: 'DIGEST_INVALID',
  });
  t.is((await send('GET', location)).status, 404);
  t.like(await send('GET', `/v2/a/blobs/${wrong}`), { status: 404, code: 'BLOB_UNKNOWN' });
  t.deepEqual(readdirSync(join(folder, 'uploads')), []);
});

test('digests that are none are refused before anything is stored', async (t) => {
  const { send, folder } = await openClient(t);
  for (const digest of ['sha256:12', 'md5:00', `sha256:${'A'.repeat(64)}`, 'x', `sha512:${'a'.repeat(64)}`]) {
    t.like(await send('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: 'x' }), {
      code: 'DIGEST_INVALID',
    });
    t.like(await send('GET', `/v2/a/blobs/${digest}`), { status: 400, code: 'DIGEST_INVALID' });
  }
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  t.like(await send('PUT', location, { body: 'x' }), { status: 400, code: 'DIGEST_INVALID' });
  t.deepEqual(readdirSync(join(folder, 'objects')), []);
});

test('sha512 names content as well as sha256', async (t) => {
  const { send } = await openClient(t);
  const digest = sha512('long name');
  t.is((await send('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: 'long name' })).status, 201);
  t.is((await send('GET', `/v2/a/blobs/${digest}`)).text, 'long name');
  t.is((await send('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: 'other' })).status, 400);
});

test('an upload may say by which algorithm its digest will be, and is refused for one that is not here', async (t) => {
  const { send } = await openClient(t);
  const begin = (algorithm: string) => send('POST', `/v2/a/blobs/uploads/?digest-algorithm=${algorithm}`);
  t.like(await begin('md5'), { status: 400, code: 'DIGEST_INVALID' });
  const { status, headers } = await begin('sha512');
  t.is(status, 202);
  const put = await send('PUT', `${headers.get('location')}?digest=${sha512('x')}`, { body: 'x' });
  t.is(put.headers.get('docker-content-digest'), sha512('x'));
});

test('an upload is cancelled', async (t) => {
  const { send } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  t.is((await send('DELETE', location)).status, 204);
  t.like(await send('DELETE', location), { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
  t.like(await send('PATCH', location, { body: 'x' }), { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
});

test('an upload belongs to its repository', async (t) => {
  const { send } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  t.is((await send('GET', location.replace('/v2/a/', '/v2/b/'))).status, 404);
  t.is((await send('GET', '/v2/a/blobs/uploads/..%2F..%2Fobjects')).status, 404);
});

test('an empty blob is one', async (t) => {
  const { send } = await openClient(t);
  const digest = sha256('');
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  t.is((await send('PUT', `${location}?digest=${digest}`)).status, 201);
  const got = await send('GET', `/v2/a/blobs/${digest}`);
  t.deepEqual([got.status, got.text, got.headers.get('content-length')], [200, '', '0']);
});

test('ranges of a blob are served as RFC 9110 says', async (t) => {
  const { send, blob } = await openClient(t);
  const { digest } = await blob('a', '0123456789');
  const ask = async (range: string, headers = {}) => {
    const got = await send('GET', `/v2/a/blobs/${digest}`, { headers: { range, ...headers } });
    return [got.status, got.status === 416 ? '' : got.text, got.headers.get('content-range')];
  };
  t.deepEqual(await ask('bytes=2-4'), [206, '234', 'bytes 2-4/10']);
  t.deepEqual(await ask('bytes=7-'), [206, '789', 'bytes 7-9/10']);
  t.deepEqual(await ask('bytes=-3'), [206, '789', 'bytes 7-9/10']);
  t.deepEqual(await ask('bytes=5-100'), [206, '56789', 'bytes 5-9/10']);
  t.deepEqual(await ask('bytes=0-0'), [206, '0', 'bytes 0-0/10']);
  t.deepEqual(await ask('bytes=10-'), [416, '', 'bytes */10']);
  t.deepEqual(await ask('bytes=-0'), [416, '', 'bytes */10']);
  t.deepEqual(await ask('bytes=4-2'), [416, '', 'bytes */10']);
  for (const whole of ['lines=1-2', 'bytes=0-1,3-4', 'bytes=x-y'])
    t.deepEqual(await ask(whole), [200, '0123456789', null], whole);
  t.deepEqual(await ask('bytes=2-4', { 'if-range': '"other"' }), [200, '0123456789', null]);
  t.deepEqual(await ask('bytes=2-4', { 'if-range': `"${digest}"` }), [206, '234', 'bytes 2-4/10']);
});

test('who has a blob already is told so', async (t) => {
  const { send, blob } = await openClient(t);
  const { digest } = await blob('a', 'known');
  const etag = (await send('HEAD', `/v2/a/blobs/${digest}`)).headers.get('etag')!;
  const path = `/v2/a/blobs/${digest}`;
  t.is((await send('GET', path, { headers: { 'if-none-match': `"x", ${etag}` } })).status, 304);
  t.is((await send('GET', path, { headers: { 'if-none-match': '"x"' } })).status, 200);
});

test('a blob is one of the repositories that it was put into or mounted from another, wherever that is', async (t) => {
  const { send, blob } = await openClient(t);
  const { digest } = await blob('a', 'mine');
  t.like(await send('GET', `/v2/b/blobs/${digest}`), { status: 404, code: 'BLOB_UNKNOWN' });
  const mounted = await send('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`);
  t.deepEqual([mounted.status, mounted.headers.get('location')], [201, `/v2/b/blobs/${digest}`]);
  t.is((await send('POST', `/v2/c/blobs/uploads/?mount=${digest}`)).status, 201);
  t.is((await send('GET', `/v2/c/blobs/${digest}`)).text, 'mine');
  t.is((await send('GET', `/v2/b/blobs/${digest}`)).text, 'mine');
});

test('what cannot be mounted is uploaded', async (t) => {
  const { send } = await openClient(t);
  for (const query of [`mount=${sha256('x')}&from=nowhere`, `mount=${sha256('x')}`]) {
    const { status, headers } = await send('POST', `/v2/b/blobs/uploads/?${query}`);
    t.is(status, 202);
    t.regex(headers.get('location')!, /uploads/);
  }
  t.is((await send('POST', '/v2/b/blobs/uploads/?mount=bad&from=a')).code, 'DIGEST_INVALID');
});

test('a blob is deleted, but not while a manifest needs it', async (t) => {
  const { send, blob, image } = await openClient(t);
  const { digest } = await blob('a', 'alone');
  t.is((await send('DELETE', `/v2/a/blobs/${digest}`)).status, 202);
  t.is((await send('GET', `/v2/a/blobs/${digest}`)).status, 404);
  t.like(await send('DELETE', `/v2/a/blobs/${digest}`), { status: 404, code: 'BLOB_UNKNOWN' });
  await image('a', 'v1');
  const layer = sha256('layer of v1');
  t.like(await send('DELETE', `/v2/a/blobs/${layer}`), { status: 405, code: 'UNSUPPORTED' });
  await send('DELETE', '/v2/a/manifests/v1');
  t.is((await send('GET', `/v2/a/blobs/${layer}`)).status, 200);
});

test('a large blob comes back as it was sent, in chunks of any size', async (t) => {
  const { send } = await openClient(t);
  const bytes = noise(9_000_001);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  for (const [start, end] of [
    [0, 1],
    [1, 4_000_000],
    [4_000_000, 9_000_001],
  ] as const) {
    const body = bytes.subarray(start, end);
    const { status } = await send('PATCH', location, {
      body,
      headers: { 'content-range': `${start}-${end - 1}` },
    });
    t.is(status, 202);
  }
  t.is((await send('PUT', `${location}?digest=${sha256(bytes)}`)).status, 201);
  t.true((await send('GET', `/v2/a/blobs/${sha256(bytes)}`)).bytes.equals(bytes));
});

test('an upload that is cut keeps what came, and is resumed where it stands', async (t) => {
  const { send, registry } = await openClient(t);
  const bytes = noise(3_000_000);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  await sendAndCut(registry.address, location, bytes, 1_000_000);
  let kept = keptOf(await send('GET', location));
  t.true(kept > 500_000 && kept <= 1_000_000, String(kept));
  // What was on its way may be written after that answer: then it is told again where the upload stands.
  const resume = () =>
    send('PATCH', location, {
      body: bytes.subarray(kept),
      headers: { 'content-range': `${kept}-${bytes.length - 1}` },
    });
  let rest = await resume();
  for (let attempt = 0; rest.status === 416 && attempt < 5; attempt++) {
    kept = keptOf(rest);
    rest = await resume();
  }
  t.is(rest.status, 202, rest.text);
  t.is((await send('PUT', `${location}?digest=${sha256(bytes)}`)).status, 201);
  t.true((await send('GET', `/v2/a/blobs/${sha256(bytes)}`)).bytes.equals(bytes));
});

test('an upload is gone on with by any process, whichever began it', async (t) => {
  const one = await openClient(t);
  const other = await openClient(t, { storage: await openLocalStorage(one.folder) });
  const bytes = noise(1_200_000);
  const location = (await one.send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  const pieces = [one, other, one, other].map((client, at) => ({ client, start: at * 300_000 }));
  for (const { client, start } of pieces) {
    const headers = { 'content-range': `${start}-${start + 299_999}` };
    const { status } = await client.send('PATCH', location, {
      headers,
      body: bytes.subarray(start, start + 300_000),
    });
    t.is(status, 202);
  }
  await one.registry.close();
  t.is((await other.send('GET', location)).headers.get('range'), '0-1199999');
  t.is((await other.send('PUT', `${location}?digest=${sha256(bytes)}`)).status, 201);
  t.true((await other.send('GET', `/v2/a/blobs/${sha256(bytes)}`)).bytes.equals(bytes));
});

test('of two that write to one upload at once one does, and what it wrote is whole', async (t) => {
  const { send, registry } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  const socket = connect(Number(registry.address.split(':')[1]), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`PATCH ${location} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nfirst`);
  const range = async () => (await send('GET', location)).headers.get('range');
  for (let wait = 0; (await range()) !== '0-4' && wait < 200; wait++) await delay(20);
  const second = send('PATCH', location, { body: 'SECOND', headers: { 'content-range': '0-5' } });
  await delay(100);
  socket.write('-last');
  t.is((await second).status, 416);
  t.is((await send('PUT', `${location}?digest=${sha256('first-last')}`)).status, 201);
});

test('a blob larger than is accepted is refused: announced before it is sent, else when it is too much', async (t) => {
  const { send, folder } = await openClient(t, { settings: { limits: { blobBytes: 1000 } } });
  const body = noise(2000);
  t.like(await send('POST', `/v2/a/blobs/uploads/?digest=${sha256(body)}`, { body }), {
    status: 413,
    code: 'SIZE_INVALID',
  });
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  t.is((await send('PATCH', location, { body: body.subarray(0, 900) })).status, 202);
  t.is((await send('PATCH', location, { body: body.subarray(0, 900) })).status, 413);
  t.deepEqual(readdirSync(join(folder, 'objects')), []);
});

test('the same blob from many clients at once is stored once', async (t) => {
  const { send, folder } = await openClient(t);
  const digest = sha256('popular');
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, at) =>
      send('POST', `/v2/r${at % 3}/blobs/uploads/?digest=${digest}`, { body: 'popular' }),
    ),
  );
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [201]);
  t.is(readdirSync(join(folder, 'objects/blobs/sha256', digest.slice(7, 9))).length, 1);
  t.deepEqual(readdirSync(join(folder, 'uploads')), []);
});

test('a server that is closed lets an upload end that runs', async (t) => {
  const { send, registry } = await openClient(t);
  const location = (await send('POST', '/v2/a/blobs/uploads/')).headers.get('location')!;
  const socket = connect(Number(registry.address.split(':')[1]), '127.0.0.1');
  socket.write(`PATCH ${location} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345`);
  await delay(50);
  const closed = registry.close(5000);
  await delay(50);
  socket.write('67890');
  let answered = '';
  for await (const piece of socket) answered += piece;
  t.regex(answered, /^HTTP\/1\.1 202 /);
  await closed;
});

function keptOf({ headers }: Reply): number {
  return Number(headers.get('range')?.split('-')[1]) + 1;
}

async function rangeOf(address: string, location: string): Promise<string> {
  return (await fetch(`http://${address}${location}`)).headers.get('range') ?? '';
}

/** Sends the head of a PATCH of all bytes, and the first of them, then goes. */
async function sendAndCut(address: string, location: string, bytes: Buffer, count: number): Promise<void> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`PATCH ${location} HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n\r\n`);
  await new Promise<void>((resolve) => socket.write(bytes.subarray(0, count), () => resolve()));
  // Until most of it is there: what the kernel still holds goes with the connection.
  const arrived = async () => Number((await rangeOf(address, location)).split('-')[1]);
  for (let wait = 0; wait < 400 && (await arrived()) < count * 0.6; wait++) await delay(25);
  socket.destroy();
  await delay(50);
}

test('media types of a blob are nobody’s business', async (t) => {
  const { blob } = await openClient(t);
  t.is((await blob('a', '{}', types.config)).size, 2);
});
