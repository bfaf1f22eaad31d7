import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import test from 'ava';
import { defaultConfig, type TlsConfig } from '../../lib/config/index.ts';
import { parseReference } from '../../lib/reference/index.ts';
import { openRemoteRepository } from '../../lib/registry-client/index.ts';
import { proxyFor } from '../../lib/registry-client/proxy.ts';
import { makeCertificates } from './certificates.ts';
import { sendManifest, startScriptedServer } from './scripted-server.ts';

const env = { HTTPS_PROXY: 'http://secure:1', http_proxy: 'plain:2' };

for (const [url, noProxy, expected] of [
  ['https://registry.example/v2/', '', 'http://secure:1'],
  ['http://registry.example/v2/', '', 'http://plain:2'],
  ['https://localhost:5000/', '', undefined],
  ['https://127.8.8.8/', '', undefined],
  ['https://[::1]:5000/', '', undefined],
  ['https://a.example/', '*', undefined],
  ['https://a.example/', 'example', undefined],
  ['https://a.example/', 'other, example', undefined],
  ['https://a.example/', '.example', undefined],
  ['https://example/', '.example', 'http://secure:1'],
  ['https://badexample/', 'example', 'http://secure:1'],
  ['https://a.example:5000/', 'a.example:5000', undefined],
  ['https://a.example:5001/', 'a.example:5000', 'http://secure:1'],
  ['https://a.example/', 'a.example:443', undefined],
  ['https://10.1.2.3/', '10.0.0.0/8', undefined],
  ['https://11.1.2.3/', '10.0.0.0/8', 'http://secure:1'],
  ['https://10.1.2.3/', '10.1.2.3', undefined],
  ['https://[fd00::5]/', 'fd00::/8', undefined],
  ['https://a.example/', '10.0.0.0/8', 'http://secure:1'],
] as const) {
  test(`${url} with NO_PROXY=${noProxy} goes ${expected === undefined ? 'straight' : `by ${expected}`}`, (t) => {
    t.is(proxyFor(new URL(url), {}, { ...env, NO_PROXY: noProxy }), expected);
  });
}

test('the configuration takes the place of the environment', (t) => {
  const url = new URL('https://a.example/');
  t.is(proxyFor(url, { https: 'http://mine:3' }, env), 'http://mine:3');
  t.is(proxyFor(url, { no: ['a.example'] }, env), undefined);
  t.is(proxyFor(url, { no: [] }, { ...env, NO_PROXY: '*' }), 'http://secure:1');
});

test('a registry is reached through a proxy that knows its name when this machine does not', async (t) => {
  await using registry = await startScriptedServer((_, response) => sendManifest(response));
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { pathname } = new URL(request.url ?? '');
    void fetch(registry.url + pathname).then(async (answer) => {
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => proxy.close());
  const host = 'registry.invalid';
  const config = {
    ...defaultConfig,
    registries: { [host]: { insecure: true } },
    proxies: { http: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
  };
  await using repository = openRemoteRepository(parseReference(`${host}/app`), { config, env: {} });
  t.is(
    (await repository.resolve()).descriptor.size,
    registry.requests.length && (await repository.describe()).size,
  );
  t.is(asked[0], `http://${host}/v2/app/manifests/latest`);
});

/** A proxy that tunnels every CONNECT to one address, or refuses it. */
async function startTunnel(
  target: string | undefined,
): Promise<{ url: string; asked: string[]; close(): void }> {
  const asked: string[] = [];
  const proxy = createServer().listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  proxy.on('connect', (request: IncomingMessage, socket: Duplex) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    if (target === undefined) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const { hostname, port } = new URL(`http://${target}`);
    const tunnel = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      tunnel.pipe(socket).pipe(tunnel);
    });
    tunnel.on('error', () => socket.destroy());
    socket.on('error', () => tunnel.destroy());
  });
  const { port } = proxy.address() as AddressInfo;
  return { url: `http://me:secret@127.0.0.1:${port}`, asked, close: () => proxy.close() };
}

test("an https registry is reached through a proxy's tunnel, its TLS settings kept", async (t) => {
  await using certificates = await makeCertificates();
  const [cert, key] = await Promise.all([
    readFile(certificates.cert, 'utf8'),
    readFile(certificates.key, 'utf8'),
  ]);
  await using registry = await startScriptedServer((_, response) => sendManifest(response), { cert, key });
  const tunnel = await startTunnel(registry.host);
  t.teardown(tunnel.close);
  const openBy = (tls: TlsConfig) => {
    const config = { ...defaultConfig, registries: { 'registry.invalid': { tls } } };
    const env = { https_proxy: tunnel.url };
    return openRemoteRepository(parseReference('registry.invalid/app'), {
      config,
      env,
      retry: { attempts: 1 },
    });
  };
  await using unchecked = openBy({ skipVerify: true });
  await unchecked.resolve();
  t.deepEqual(tunnel.asked, [`registry.invalid:443 Basic ${Buffer.from('me:secret').toString('base64')}`]);
  await using checked = openBy({ ca: certificates.ca });
  await t.throwsAsync(checked.resolve(), { code: 'ERR_REGISTRY_TLS', message: /another name/ });
});

test('a proxy that refuses is named, without its password', async (t) => {
  const tunnel = await startTunnel(undefined);
  t.teardown(tunnel.close);
  const config = { ...defaultConfig, proxies: { https: tunnel.url } };
  const options = { config, env: {}, retry: { attempts: 1 } };
  await using repository = openRemoteRepository(parseReference('registry.invalid/app'), options);
  const error = await t.throwsAsync(repository.resolve(), {
    code: 'ERR_REGISTRY_UNREACHABLE',
    message: /through the proxy 127.*407/,
  });
  t.false(error.message.includes('secret'));
});
