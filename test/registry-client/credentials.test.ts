import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { runCredentialHelper } from '../../lib/registry-client/credential-helper.ts';
import { findCredentials } from '../../lib/registry-client/credentials.ts';
import { open } from './open.ts';
import { sendError, sendManifest, startScriptedServer } from './scripted-server.ts';

/** A DOCKER_CONFIG folder with this config.json, on the PATH with these helpers (shell scripts). */
async function docker(t: ExecutionContext, config: unknown, helpers: Record<string, string> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'strake-docker-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(
    join(directory, 'config.json'),
    typeof config === 'string' ? config : JSON.stringify(config),
  );
  for (const [name, script] of Object.entries(helpers)) {
    const path = join(directory, `docker-credential-${name}`);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }
  return { env: { DOCKER_CONFIG: directory, PATH: `${directory}:${process.env.PATH}` }, directory };
}

const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
const password = (username: string, word: string) => ({ type: 'password', username, password: word });

for (const [what, auths, host, path, expected] of [
  ['a host', { 'quay.io': auth('me:pass:word') }, 'quay.io', 'a/b', password('me', 'pass:word')],
  ['a URL', { 'https://quay.io/v2/': auth('me:x') }, 'quay.io', 'a', password('me', 'x')],
  [
    'Docker Hub',
    { 'https://index.docker.io/v1/': auth('me:x') },
    'docker.io',
    'library/a',
    password('me', 'x'),
  ],
  ['a port', { 'host:5000': auth('me:x') }, 'host', 'a', undefined],
  ['a path', { 'h.io': auth('a:1'), 'h.io/team': auth('b:2') }, 'h.io', 'team/app', password('b', '2')],
  ['another path', { 'h.io/team': auth('b:2') }, 'h.io', 'teams/app', undefined],
  ['plain fields', { 'h.io': { username: 'me', password: 'x' } }, 'h.io', 'a', password('me', 'x')],
  ['NUL padding', { 'h.io': auth('me:x\0\0') }, 'h.io', 'a', password('me', 'x')],
  ['an empty entry', { 'h.io': {} }, 'h.io', 'a', undefined],
  [
    'an identity token',
    { 'h.io': { ...auth('a:'), identitytoken: 'i' } },
    'h.io',
    'a',
    { type: 'identityToken', token: 'i' },
  ],
  [
    'a registry token',
    { 'h.io': { registrytoken: 'r' } },
    'h.io',
    'a',
    { type: 'registryToken', token: 'r' },
  ],
] as const) {
  test(`stored under ${what}, credentials are ${expected === undefined ? 'not found' : 'found'}`, async (t) => {
    const { env, directory } = await docker(t, { auths });
    const source = join(directory, 'config.json');
    const found = await findCredentials(host, path, { env });
    t.deepEqual<unknown, unknown>(found, expected && { ...expected, source });
  });
}

test('without a file there are no credentials; a broken file is told', async (t) => {
  t.is(await findCredentials('h.io', 'a', { env: { DOCKER_CONFIG: '/nonexistent' } }), undefined);
  const { env } = await docker(t, '{');
  await t.throwsAsync(findCredentials('h.io', 'a', { env }), {
    code: 'ERR_CREDENTIALS_INVALID',
    message: /config\.json/,
  });
  const bad = await docker(t, { auths: { 'h.io': { auth: '####' } } });
  await t.throwsAsync(findCredentials('h.io', 'a', bad), { message: /auths\["h\.io"\]\.auth is not base64/ });
});

test('the helper of a host is asked with its name, and before the common one', async (t) => {
  const config = { credsStore: 'common', credHelpers: { 'h.io': 'own' } };
  const { env } = await docker(t, config, {
    own: 'read server; echo "{\\"Username\\":\\"own\\",\\"Secret\\":\\"$1 $server\\"}"',
    common: 'read server; echo "{\\"Username\\":\\"common\\",\\"Secret\\":\\"$server\\"}"',
  });
  t.like(await findCredentials('h.io', 'a', { env }), password('own', 'get h.io'));
  t.like(await findCredentials('docker.io', 'a', { env }), password('common', 'https://index.docker.io/v1/'));
});

test('a helper hands out identity tokens and says when it has nothing', async (t) => {
  const { env } = await docker(
    t,
    {},
    {
      token: `echo '{"Username":"<token>","Secret":"i"}'`,
      empty: 'echo "credentials not found in native keychain"; exit 1',
    },
  );
  t.like(await runCredentialHelper('token', 'h.io', { env }), { type: 'identityToken', token: 'i' });
  t.is(await runCredentialHelper('empty', 'h.io', { env }), undefined);
});

for (const [fault, script, complaint] of [
  ['fails', 'echo "the vault is locked" >&2; exit 3', /the vault is locked/],
  ['answers something else', 'echo hello', /no Username and Secret/],
  ['is silent', 'exec sleep 60', /did not answer within 0\.3 s/],
  [
    'never stops talking',
    'while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done',
    /killed|did not answer/,
  ],
] as const) {
  test(`a helper that ${fault} is named with its fault`, async (t) => {
    const { env } = await docker(t, {}, { bad: script });
    const asked = runCredentialHelper('bad', 'h.io', { env, timeout: fault === 'is silent' ? 300 : 20_000 });
    await t.throwsAsync(asked, { code: 'ERR_CREDENTIALS_INVALID', message: complaint });
  });
}

test('a helper that is not installed, or no program name, is told and nothing is run', async (t) => {
  const { env } = await docker(t, {});
  const told = (message: RegExp) => ({ code: 'ERR_CREDENTIALS_INVALID', message });
  await t.throwsAsync(runCredentialHelper('absent', 'h.io', { env }), told(/no such program on the PATH/));
  await t.throwsAsync(runCredentialHelper('../evil', 'h.io', { env }), told(/characters that no helper has/));
});

test('a broken helper does not stop a pull that needs no credentials, and is told when it does', async (t) => {
  let isPublic = true;
  await using registry = await startScriptedServer((request, response) => {
    if (request.url.pathname === '/token') return void response.end('{"token":"t"}');
    if (isPublic && request.headers.authorization === 'Bearer t') return sendManifest(response);
    const challenge = `Bearer realm="http://${request.headers.host}/token"`;
    sendError(response, 401, 'UNAUTHORIZED', '', { 'www-authenticate': challenge });
  });
  const { env } = await docker(t, { credsStore: 'absent' });
  await using repository = open(`${registry.host}/app`, { env });
  await repository.resolve();
  isPublic = false;
  await using again = open(`${registry.host}/app`, { env });
  await t.throwsAsync(again.resolve(), {
    code: 'ERR_REGISTRY_UNAUTHORIZED',
    message: /docker-credential-absent failed/,
  });
});

test('a file that is no JSON is refused without a word of what it says', async (t) => {
  const { env } = await docker(t, '{"auths":{"quay.io":{"auth":bWU6c2VjcmV0"}}}');
  const refused = await t.throwsAsync(findCredentials('quay.io', 'a', { env }), {
    code: 'ERR_CREDENTIALS_INVALID',
    message: /config\.json: it is not JSON; mend it/,
  });
  t.false(inspect(refused, { depth: 9 }).includes('bWU6'));
});
