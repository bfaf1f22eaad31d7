import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { open, readAll } from './open.ts';
import {
  drained,
  manifest,
  sendEndless,
  sendError,
  sendManifest,
  startScriptedServer,
} from './scripted-server.ts';

const bytes = randomBytes(500_000);
const blob = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(bytes), size: bytes.length };
const sendBlob = (
  response: ServerResponse,
  status: number,
  headers: Record<string, string | number>,
  body: Buffer,
) => void response.writeHead(status, { 'content-type': 'application/octet-stream', ...headers }).end(body);

test('a manifest whose bytes differ from the digest asked for is refused', async (t) => {
  await using registry = await startScriptedServer((_, response) => sendManifest(response));
  await using repository = open(`${registry.host}/app`);
  await t.throwsAsync(repository.resolve(digestOf('other')), {
    code: 'ERR_BLOB_DIGEST_MISMATCH',
    message: /nothing of it is used/,
  });
});

test('a manifest whose bytes differ from the digest claimed for them is refused', async (t) => {
  await using registry = await startScriptedServer((_, response) => {
    response.writeHead(200, {
      'content-type': mediaTypes.ociManifest,
      'docker-content-digest': digestOf('other'),
    });
    response.end(manifest);
  });
  await using repository = open(`${registry.host}/app`);
  await t.throwsAsync(repository.resolve(), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
});

test('a huge manifest is refused by its announced length, and by its real one', async (t) => {
  await using registry = await startScriptedServer((request, response) => {
    if (request.url.pathname.endsWith('announced')) {
      return void response.writeHead(200, { 'content-length': 2 ** 40 }).write('a');
    }
    return sendEndless(response);
  });
  await using repository = open(`${registry.host}/app`);
  await t.throwsAsync(repository.resolve('announced'), {
    code: 'ERR_BLOB_TOO_LARGE',
    message: /1099511627776 bytes/,
  });
  await t.throwsAsync(repository.resolve('real'), {
    code: 'ERR_BLOB_TOO_LARGE',
    message: /more than 4194304/,
  });
});

test('a manifest served without a type goes by the type that it claims', async (t) => {
  await using registry = await startScriptedServer((_, response) => void response.end(manifest));
  await using repository = open(`${registry.host}/app`);
  t.is((await repository.resolve()).descriptor.mediaType, mediaTypes.ociManifest);
  t.deepEqual(await repository.describe(), (await repository.resolve()).descriptor);
});

test('a registry that answers 200 to a range is served from the offset all the same', async (t) => {
  await using registry = await startScriptedServer((_, response) =>
    sendBlob(response, 200, { 'content-length': bytes.length }, bytes),
  );
  await using repository = open(`${registry.host}/app`);
  t.true((await readAll(await repository.fetch(blob, { offset: 123_456 }))).equals(bytes.subarray(123_456)));
});

test('a range that begins too early is cut to the offset; one that begins too late is refused', async (t) => {
  await using registry = await startScriptedServer((request, response) => {
    const start = request.url.pathname.startsWith('/v2/early') ? 100_000 : 300_000;
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    sendBlob(response, 206, { 'content-range': range }, bytes.subarray(start));
  });
  await using early = open(`${registry.host}/early`);
  t.true((await readAll(await early.fetch(blob, { offset: 200_000 }))).equals(bytes.subarray(200_000)));
  await using late = open(`${registry.host}/late`);
  await t.throwsAsync(late.fetch(blob, { offset: 200_000 }), {
    code: 'ERR_REGISTRY_RESPONSE',
    message: /from 300000/,
  });
});

test('a registry that answers 416 to a range is asked for the whole blob', async (t) => {
  await using registry = await startScriptedServer((request, response) =>
    request.headers.range === undefined
      ? sendBlob(response, 200, {}, bytes)
      : sendError(response, 416, 'RANGE_INVALID'),
  );
  await using repository = open(`${registry.host}/app`);
  t.true((await readAll(await repository.fetch(blob, { offset: 7 }))).equals(bytes.subarray(7)));
});

for (const [fault, size, headers, complaint] of [
  ['longer, as its header says', bytes.length + 1, true, /more bytes .* 500001 instead of 500000/],
  ['shorter, as its header says', bytes.length - 1, true, /fewer bytes .* 499999 instead of 500000/],
  ['longer, without saying so', bytes.length + 1, false, /more bytes/],
  ['shorter, without saying so', bytes.length - 1, false, /fewer bytes/],
] as const) {
  test(`a blob that is ${fault}, is refused`, async (t) => {
    const body = Buffer.alloc(size);
    await using registry = await startScriptedServer((_, response) =>
      sendBlob(
        response,
        200,
        headers ? { 'content-length': size } : { 'transfer-encoding': 'chunked' },
        body,
      ),
    );
    await using repository = open(`${registry.host}/app`);
    const fetched = (async () => readAll(await repository.fetch(blob)))();
    await t.throwsAsync(fetched, { code: 'ERR_BLOB_SIZE_MISMATCH', message: complaint });
  });
}

test('a cut download says that it may be resumed, and resumes with a range', async (t) => {
  await using registry = await startScriptedServer((request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (from > 0) return void response.end(rest);
    response.write(rest.subarray(0, 200_000), () => setTimeout(() => response.destroy(), 50));
  });
  await using repository = open(`${registry.host}/app`);
  const pieces: Buffer[] = [];
  const first = (async () => {
    for await (const piece of await repository.fetch(blob)) pieces.push(piece);
  })();
  await t.throwsAsync(first, {
    code: 'ERR_DOWNLOAD_INTERRUPTED',
    message: /cut after 200000 of 500000 bytes/,
  });
  const offset = Buffer.concat(pieces).length;
  t.is(offset, 200_000);
  t.true(Buffer.concat([...pieces, await readAll(await repository.fetch(blob, { offset }))]).equals(bytes));
});

test('a download that stalls counts as cut', async (t) => {
  await using registry = await startScriptedServer((_, response) => {
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 1000));
  });
  await using repository = open(`${registry.host}/app`, { timeouts: { idle: 300 } });
  const fetched = (async () => readAll(await repository.fetch(blob)))();
  await t.throwsAsync(fetched, {
    code: 'ERR_DOWNLOAD_INTERRUPTED',
    message: /1000 of 500000 bytes: .*stopped sending/,
  });
});

test('a slow taker stops the sender and is not mistaken for a stalled one', async (t) => {
  let sent = 0;
  const size = 64 * 1024 * 1024;
  await using registry = await startScriptedServer(async (_, response) => {
    response.writeHead(200, { 'content-length': size });
    for (; sent < size && !response.destroyed; sent += 1024 * 1024) {
      if (!response.write(Buffer.alloc(1024 * 1024))) {
        await drained(response);
      }
    }
    response.end();
  });
  await using repository = open(`${registry.host}/app`, { timeouts: { idle: 300 } });
  const body = await repository.fetch({ ...blob, size });
  let taken = 0;
  for await (const piece of body) {
    if (taken === 0) await sleep(2500);
    if (taken === 0) t.true(sent < 40 * 1024 * 1024, `${sent} bytes were sent while none was wanted`);
    taken += piece.length;
  }
  t.is(taken, size);
});

test('leaving a body early closes its connection', async (t) => {
  let closed: Promise<unknown> = Promise.resolve();
  await using registry = await startScriptedServer((_, response) => {
    closed = new Promise((resolve) => response.once('close', resolve));
    return sendEndless(response);
  });
  await using repository = open(`${registry.host}/app`);
  for await (const _ of await repository.fetch({ ...blob, size: 2 ** 40 })) break;
  await closed;
  t.pass();
});

test('a signal ends a wait for headers, a body and a retry', async (t) => {
  await using registry = await startScriptedServer((request, response) => {
    if (request.url.pathname.endsWith('silent')) return;
    if (request.url.pathname.endsWith('busy'))
      return sendError(response, 503, 'UNAVAILABLE', '', { 'retry-after': '20' });
    response.writeHead(200).write('a');
  });
  await using repository = open(`${registry.host}/app`);
  const signal = () => AbortSignal.timeout(200);
  const expected = { code: 'ERR_ABORTED' };
  const started = performance.now();
  await t.throwsAsync(repository.resolve('silent', { signal: signal() }), expected);
  await t.throwsAsync(repository.resolve('busy', { signal: signal() }), expected);
  const fetched = async () => readAll(await repository.fetch(blob, { signal: signal() }));
  await t.throwsAsync(fetched(), expected);
  t.true(performance.now() - started < 5000);
});

test('disposing the repository ends what is under way', async (t) => {
  await using registry = await startScriptedServer(() => undefined);
  const repository = open(`${registry.host}/app`);
  const asked = t.throwsAsync(repository.resolve(), { code: 'ERR_ABORTED' });
  await sleep(100);
  await repository[Symbol.asyncDispose]();
  await asked;
});

test('a server that trickles its headers or its manifest is given up', async (t) => {
  await using registry = await startScriptedServer(async (request, response) => {
    const socket = response.socket;
    if (request.url.pathname.endsWith('body')) response.writeHead(200);
    else socket?.write('HTTP/1.1 200 OK\r\nx: ');
    while (!socket?.destroyed && !response.destroyed) {
      if (request.url.pathname.endsWith('body')) response.write('a');
      else socket?.write('a');
      await sleep(50);
    }
  });
  const retry = { attempts: 1 };
  await using repository = open(`${registry.host}/app`, {
    retry,
    timeouts: { headers: 1000, document: 1500 },
  });
  const expected = { code: 'ERR_REGISTRY_UNREACHABLE', message: /in time|too long/ };
  await t.throwsAsync(repository.resolve('head'), expected);
  await t.throwsAsync(repository.resolve('body'), expected);
});

test('trouble that passes is waited for, with growing pauses', async (t) => {
  let count = 0;
  await using registry = await startScriptedServer((_, response) => {
    count += 1;
    if (count === 1) return sendError(response, 503, 'UNAVAILABLE');
    if (count === 2) return void response.destroy();
    return sendManifest(response);
  });
  await using repository = open(`${registry.host}/app`);
  await repository.resolve();
  t.is(count, 3);
});

test('a manifest that is cut half way is asked for again', async (t) => {
  let count = 0;
  await using registry = await startScriptedServer((_, response) => {
    count += 1;
    if (count > 1) return sendManifest(response);
    response.writeHead(200, { 'content-type': mediaTypes.ociManifest, 'content-length': manifest.length });
    response.write(manifest.subarray(0, 10), () => setTimeout(() => response.destroy(), 20));
  });
  await using repository = open(`${registry.host}/app`);
  t.true((await repository.resolve()).bytes.equals(manifest));
});

test('Retry-After is obeyed, and a longer one is told and not waited for', async (t) => {
  let count = 0;
  await using registry = await startScriptedServer((request, response) => {
    if (request.url.pathname.endsWith('long')) {
      return sendError(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '3600' });
    }
    count += 1;
    return count > 1
      ? sendManifest(response)
      : sendError(response, 429, 'TOOMANYREQUESTS', '', { 'retry-after': '1' });
  });
  await using repository = open(`${registry.host}/app`);
  const started = performance.now();
  await repository.resolve('short');
  t.true(performance.now() - started >= 990);
  await t.throwsAsync(repository.resolve('long'), {
    code: 'ERR_REGISTRY_RATE_LIMITED',
    message: /wait 3600 s.*log in.*mirror/,
  });
});

test("Docker Hub's spent pull quota is not asked again", async (t) => {
  const message =
    'You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit';
  await using registry = await startScriptedServer((_, response) =>
    sendError(response, 429, 'TOOMANYREQUESTS', message),
  );
  await using repository = open(`${registry.host}/app`);
  await t.throwsAsync(repository.resolve(), {
    code: 'ERR_REGISTRY_RATE_LIMITED',
    message: /is used up for this address/,
  });
  t.is(registry.requests.length, 1);
});

test('a config is read whole and verified, and a large one refused unasked', async (t) => {
  await using registry = await startScriptedServer((_, response) => void response.end('{}'));
  await using repository = open(`${registry.host}/app`);
  const config = { mediaType: mediaTypes.ociConfig, digest: digestOf('{}'), size: 2 };
  t.is((await repository.fetchBytes(config)).toString(), '{}');
  const lie = { ...config, digest: digestOf('[]') };
  await t.throwsAsync(repository.fetchBytes(lie), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
  await t.throwsAsync(repository.fetchBytes({ ...config, size: 2 ** 30 }), { code: 'ERR_BLOB_TOO_LARGE' });
});
