import { stat } from 'node:fs/promises';
import { get, type RequestOptions } from 'node:http';
import test from 'ava';
import { openEngineApi } from '../../lib/engine-api/index.ts';
import { openEngineApiFixture } from './engine-api-fixture.ts';

test('it answers a ping with what clients negotiate by', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { status, headers, text } = await fixture.call('GET', '/_ping');
  t.is(status, 200);
  t.is(text, 'OK');
  t.is(headers['api-version'], '1.51');
  t.is(headers.ostype, 'linux');
  t.is(headers['builder-version'], '1');
  t.is(headers['docker-experimental'], 'false');
  const head = await fixture.call('HEAD', '/_ping');
  t.is(head.status, 200);
  t.is(head.text, '');
});

test('paths have any version of those that are answered, or none', async (t) => {
  await using fixture = await openEngineApiFixture();
  for (const prefix of ['', '/v1.24', '/v1.41', '/v1.51', '/v1.56'])
    t.is((await fixture.call('GET', `${prefix}/version`)).json.ApiVersion, '1.51');
  const old = await fixture.call('GET', '/v1.12/version');
  t.is(old.status, 400);
  t.regex(old.json.message, /^client version 1\.12 is too old\. Minimum supported API version is 1\.24/);
  const late = await fixture.call('GET', '/v2.0/version');
  t.is(late.status, 400);
  t.regex(late.json.message, /^client version 2\.0 is too new\. Maximum supported API version is 1\.51/);
});

test('what is not there is 404 in a document', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { status, json } = await fixture.call('GET', '/v1.41/nothing');
  t.is(status, 404);
  t.deepEqual(json, { message: 'page not found' });
  t.is((await fixture.call('DELETE', '/_ping')).status, 405);
});

test('pages in browsers are refused', async (t) => {
  await using fixture = await openEngineApiFixture();
  const refused = (headers: Record<string, string>) =>
    fixture.call('GET', '/version', undefined, headers).then(({ status }) => status);
  t.is(await refused({ origin: 'https://evil.example' }), 403);
  t.is(await refused({ 'sec-fetch-site': 'cross-site' }), 403);
  t.is(await refused({ host: 'docker', origin: 'http://docker' }), 200);
  await using tcp = await openEngineApi(fixture.engine, { listen: ['tcp://127.0.0.1:0'], insecure: true });
  const port = Number(tcp.addresses[0]?.split(':').at(-1));
  const byName = (host: string) => statusOf({ host: '127.0.0.1', port, path: '/version', headers: { host } });
  t.is(await byName('rebound.example'), 403);
  t.is(await byName(`127.0.0.1:${port}`), 200);
  t.is(await byName('localhost'), 200);
});

test('a body that is too large, or no JSON, is refused', async (t) => {
  await using fixture = await openEngineApiFixture();
  const large = await fixture.call('POST', '/containers/create', 'x'.repeat((4 << 20) + 1));
  t.is(large.status, 413);
  const wrong = await fixture.call('POST', '/containers/create', '{"Image":');
  t.is(wrong.status, 400);
  t.regex(wrong.json.message, /^invalid JSON/);
  t.is((await fixture.call('POST', '/containers/create', '[]')).status, 400);
});

test('tcp without client certificates has to be asked for', async (t) => {
  await using fixture = await openEngineApiFixture();
  await t.throwsAsync(openEngineApi(fixture.engine, { listen: ['tcp://127.0.0.1:0'] }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /everybody root/,
  });
});

test('the socket is for its owner and group alone, and a dead one is replaced', async (t) => {
  await using fixture = await openEngineApiFixture();
  t.is((await stat(fixture.socketPath)).mode & 0o777, 0o660);
  await t.throwsAsync(openEngineApi(fixture.engine, { listen: [`unix://${fixture.socketPath}`] }), {
    code: 'ERR_LISTEN_FAILED',
    message: /somebody listens there already/,
  });
});

function statusOf(options: RequestOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ ...options, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', reject);
  });
}
