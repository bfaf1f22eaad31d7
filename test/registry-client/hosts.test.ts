import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import test from 'ava';
import { defaultConfig } from '../../lib/config/index.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { parseReference } from '../../lib/reference/index.ts';
import { endpointsOf, isLoopback } from '../../lib/registry-client/endpoints.ts';
import { parseRetryAfter } from '../../lib/registry-client/retry.ts';
import { freePort } from '../fixtures/registry.ts';
import { makeCertificates } from './certificates.ts';
import { open, readAll } from './open.ts';
import { manifest, sendError, sendManifest, startScriptedServer } from './scripted-server.ts';

const blob = { mediaType: mediaTypes.ociLayer, digest: digestOf('layer'), size: 5 };

test('Docker Hub is asked at its API host, and only this machine may speak plain http', (t) => {
  const origins = (name: string) =>
    endpointsOf(parseReference(name), defaultConfig).map((endpoint) => endpoint.origins);
  t.deepEqual(origins('debian'), [['https://registry-1.docker.io']]);
  t.deepEqual(origins('ghcr.io/a/b'), [['https://ghcr.io']]);
  t.deepEqual(origins('localhost:5000/a'), [['https://localhost:5000', 'http://localhost:5000']]);
  t.deepEqual(origins('10.0.0.1:5000/a'), [['https://10.0.0.1:5000']]);
});

test('loopback is localhost, 127.0.0.0/8 and ::1, and no name that looks like it', (t) => {
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1', '127.9.9.9:80', '[::1]:5000'])
    t.true(isLoopback(host), host);
  for (const host of ['127.evil.example', 'localhost.example', '127.0.0.1.example', '[::2]', '128.0.0.1']) {
    t.false(isLoopback(host), host);
  }
});

test("a mirror's path stands before the repository's", (t) => {
  const registries = { 'docker.io': { mirrors: ['https://m.example', 'https://h.example:8443/hub/'] } };
  const endpoints = endpointsOf(parseReference('debian'), { ...defaultConfig, registries });
  t.deepEqual(
    endpoints.map(({ origins, path, isMirror }) => [origins[0], path, isMirror]),
    [
      ['https://m.example', 'library/debian', true],
      ['https://h.example:8443', 'hub/library/debian', true],
      ['https://registry-1.docker.io', 'library/debian', false],
    ],
  );
});

test('Retry-After is seconds or a date', (t) => {
  const now = Date.parse('2024-01-01T00:00:00Z');
  t.is(parseRetryAfter('120', now), 120_000);
  t.is(parseRetryAfter('Mon, 01 Jan 2024 00:00:30 GMT', now), 30_000);
  t.is(parseRetryAfter('Mon, 01 Jan 2023 00:00:00 GMT', now), 0);
  t.is(parseRetryAfter('soon', now), undefined);
  t.is(parseRetryAfter(undefined, now), undefined);
});

test('a redirected blob is fetched without showing the credentials to the other host', async (t) => {
  await using storage = await startScriptedServer((_, response) => void response.end('layer'));
  await using registry = await startScriptedServer((request, response) => {
    if (request.headers.authorization === undefined) {
      return sendError(response, 401, 'UNAUTHORIZED', '', { 'www-authenticate': 'Basic realm="x"' });
    }
    response.writeHead(307, { location: `${storage.url}/bucket?signature=1` }).end();
  });
  await using repository = open(`${registry.host}/app`, {
    credentials: { username: 'me', password: 'secret' },
  });
  t.is((await readAll(await repository.fetch(blob))).toString(), 'layer');
  t.is(storage.requests.length, 1);
  t.is(storage.requests[0]?.headers.authorization, undefined);
  t.is(storage.requests[0]?.url.search, '?signature=1');
});

test('a redirect within the host keeps the credentials', async (t) => {
  await using registry = await startScriptedServer((request, response) => {
    if (request.headers.authorization === undefined) {
      return sendError(response, 401, 'UNAUTHORIZED', '', { 'www-authenticate': 'Basic realm="x"' });
    }
    if (request.url.pathname === '/elsewhere') return void response.end('layer');
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  await using repository = open(`${registry.host}/app`, {
    credentials: { username: 'me', password: 'secret' },
  });
  t.is((await readAll(await repository.fetch(blob))).toString(), 'layer');
});

test('another host that asks for credentials gets none', async (t) => {
  await using storage = await startScriptedServer((_, response) =>
    sendError(response, 401, 'UNAUTHORIZED', '', { 'www-authenticate': 'Basic realm="give"' }),
  );
  await using registry = await startScriptedServer(
    (_, response) => void response.writeHead(307, { location: storage.url }).end(),
  );
  await using repository = open(`${registry.host}/app`, {
    credentials: { username: 'me', password: 'secret' },
  });
  await t.throwsAsync(repository.fetch(blob), { code: 'ERR_REGISTRY_UNAUTHORIZED' });
  t.true(storage.requests.every(({ headers }) => headers.authorization === undefined));
});

test('redirects do not go on for ever, to plain http, or to another scheme', async (t) => {
  await using certificates = await makeCertificates();
  const [cert, key] = await Promise.all([
    readFile(certificates.cert, 'utf8'),
    readFile(certificates.key, 'utf8'),
  ]);
  const targets: Record<string, string> = {
    loop: '/v2/loop/x',
    down: 'http://127.0.0.1:1/',
    file: 'file:///etc/passwd',
  };
  await using registry = await startScriptedServer(
    (request, response) => {
      const location = targets[request.url.pathname.split('/')[2] ?? ''] ?? '';
      response.writeHead(307, { location }).end();
    },
    { cert, key },
  );
  const registries = { [registry.host]: { tls: { ca: certificates.ca } } };
  for (const [path, complaint] of [
    ['loop', /more than 10 times/],
    ['down', /from https to plain http/],
    ['file', /no URL of the web/],
  ] as const) {
    await using repository = open(`${registry.host}/${path}`, { registries });
    await t.throwsAsync(repository.fetch(blob), { code: 'ERR_REGISTRY_RESPONSE', message: complaint });
  }
});

test('credentials of an https registry are not sent to a token service over http', async (t) => {
  await using certificates = await makeCertificates();
  const [cert, key] = await Promise.all([
    readFile(certificates.cert, 'utf8'),
    readFile(certificates.key, 'utf8'),
  ]);
  await using thief = await startScriptedServer((_, response) => void response.end('{"token":"t"}'));
  const challenge = { 'www-authenticate': `Bearer realm="${thief.url}/token"` };
  await using registry = await startScriptedServer(
    (_, response) => sendError(response, 401, 'UNAUTHORIZED', '', challenge),
    { cert, key },
  );
  const registries = { [registry.host]: { tls: { ca: certificates.ca } } };
  await using repository = open(`${registry.host}/app`, {
    registries,
    credentials: { username: 'me', password: 'x' },
  });
  await t.throwsAsync(repository.resolve(), { code: 'ERR_REGISTRY_RESPONSE', message: /plain http/ });
  t.is(thief.requests.length, 0);
});

test('mirrors are asked in order and the registry last', async (t) => {
  await using broken = await startScriptedServer((_, response) => sendError(response, 500, 'UNKNOWN'));
  await using empty = await startScriptedServer((_, response) =>
    sendError(response, 404, 'MANIFEST_UNKNOWN'),
  );
  await using registry = await startScriptedServer((_, response) => sendManifest(response));
  const registries = { [registry.host]: { mirrors: [broken.url, `${empty.url}/cache`] } };
  await using repository = open(`${registry.host}/app`, { registries });
  await repository.resolve();
  t.is(broken.requests.length, 1);
  t.deepEqual(
    empty.requests.map(({ url }) => url.pathname),
    ['/v2/cache/app/manifests/latest'],
  );
  await repository.resolve();
  t.is(broken.requests.length, 1, 'a mirror in trouble is passed over');
  t.is(empty.requests.length, 2);
});

test('a mirror that has the image leaves the registry alone', async (t) => {
  await using mirror = await startScriptedServer((_, response) => sendManifest(response));
  await using registry = await startScriptedServer((_, response) => sendManifest(response));
  await using repository = open(`${registry.host}/app`, {
    registries: { [registry.host]: { mirrors: [mirror.url] } },
  });
  await repository.resolve();
  t.is(registry.requests.length, 0);
});

test('a mirror that lies about content is not believed, and the registry asked', async (t) => {
  await using mirror = await startScriptedServer((_, response) => sendManifest(response, Buffer.from('{}')));
  await using registry = await startScriptedServer((_, response) => sendManifest(response));
  await using repository = open(`${registry.host}/app`, {
    registries: { [registry.host]: { mirrors: [mirror.url] } },
  });
  t.true((await repository.resolve(digestOf(manifest))).bytes.equals(manifest));
});

test('a host that is distrusted is asked no more', async (t) => {
  await using mirror = await startScriptedServer((_, response) => void response.end('later'));
  await using registry = await startScriptedServer((_, response) => void response.end('layer'));
  await using repository = open(`${registry.host}/app`, {
    registries: { [registry.host]: { mirrors: [mirror.url] } },
  });
  const body = await repository.fetch(blob);
  t.is((await readAll(body)).toString(), 'later');
  t.is(body.origin, mirror.url);
  repository.distrust(body.origin);
  t.is((await readAll(await repository.fetch(blob))).toString(), 'layer');
  repository.distrust(registry.url);
  await t.throwsAsync(repository.fetch(blob), { code: 'ERR_BLOB_DIGEST_MISMATCH', message: /every host/ });
});

test("when all fail, the registry's own error is thrown and the mirrors' are in its details", async (t) => {
  await using registry = await startScriptedServer((_, response) =>
    sendError(response, 404, 'MANIFEST_UNKNOWN'),
  );
  const mirrors = [`http://127.0.0.1:${await freePort()}`];
  await using repository = open(`${registry.host}/app`, { registries: { [registry.host]: { mirrors } } });
  const error = await t.throwsAsync(repository.resolve(), { code: 'ERR_MANIFEST_NOT_FOUND' });
  t.like(error, { details: { mirrors: [{ code: 'ERR_REGISTRY_UNREACHABLE' }] } });
});

test('a registry that does not exist, does not listen, or does not speak TLS is told so', async (t) => {
  const told = (code: string, message: RegExp) => ({ code, message });
  await using nowhere = open('registry.invalid/app', { retry: { attempts: 1 } });
  await t.throwsAsync(
    nowhere.resolve(),
    told('ERR_REGISTRY_UNREACHABLE', /no such host|could not be looked up/),
  );
  await using closed = open(`127.0.0.1:${await freePort()}/app`);
  await t.throwsAsync(closed.resolve(), told('ERR_REGISTRY_UNREACHABLE', /nothing listens there/));
  await using plain = await startScriptedServer((_, response) => sendManifest(response));
  await using strict = open(`${plain.host}/app`, { registries: { [plain.host]: { insecure: false } } });
  await t.throwsAsync(strict.resolve(), told('ERR_REGISTRY_TLS', /does not speak TLS.*insecure to true/));
});

test('a server that accepts and says nothing is given up after the time for headers', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const registries = { [`127.0.0.1:${port}`]: { insecure: true } };
  await using repository = open(`127.0.0.1:${port}/app`, {
    registries,
    retry: { attempts: 2 },
    timeouts: { headers: 1000 },
  });
  await t.throwsAsync(repository.resolve(), {
    code: 'ERR_REGISTRY_UNREACHABLE',
    message: /did not answer in time/,
  });
});
