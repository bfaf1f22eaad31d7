import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { defaultConfig } from '../../lib/config/index.ts';
import { login, logout, searchRegistry } from '../../lib/registry-client/index.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { sendError, startScriptedServer } from './scripted-server.ts';

const me = { username: 'me', password: 'pässword:with colon' };
const plain = { username: 'me', password: 'secret' };

/** A folder for Docker's configuration, and the options that lead there. */
function home(t: ExecutionContext, config?: unknown) {
  const folder = temporaryFolder(t);
  const file = join(folder, 'config.json');
  if (config !== undefined) writeFileSync(file, JSON.stringify(config), { mode: 0o644 });
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env.PATH}` };
  const read = () => JSON.parse(readFileSync(file, 'utf8'));
  return { folder, file, read, options: { env, config: defaultConfig, retry: { attempts: 1 } } };
}

/** A credential helper that keeps what it is given in a file. */
function addHelper(folder: string): void {
  const store = join(folder, 'kept');
  const script = `#!/bin/sh
case $1 in
store) cat > ${store} ;;
get) if [ -f ${store} ]; then cat ${store}; else echo 'credentials not found in native keychain'; exit 1; fi ;;
erase) if [ -f ${store} ]; then rm ${store}; else echo 'credentials not found in native keychain'; exit 1; fi ;;
esac
`;
  writeFileSync(join(folder, 'docker-credential-test'), script);
  chmodSync(join(folder, 'docker-credential-test'), 0o755);
}

test('a login that the registry accepts is kept in the file, which is private from then on, and all else in it stays', async (t) => {
  await using registry = await startRegistry({ login: { user: plain.username, password: plain.password } });
  const before = { auths: { 'other.example': { auth: 'eDp5' } }, HttpHeaders: { a: 'b' }, psFormat: 'table' };
  const { file, read, folder, options } = home(t, before);
  t.deepEqual(await login(registry.address, plain, options), { in: 'file', path: file });
  const auth = Buffer.from('me:secret').toString('base64');
  t.deepEqual(read(), { ...before, auths: { ...before.auths, [registry.address]: { auth } } });
  t.is(statSync(file).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(folder), ['config.json']);
});

test('logins to two registries at once are both kept', async (t) => {
  const { read, options } = home(t);
  await using second = await startScriptedServer((_, response) => void response.end());
  await using first = await startScriptedServer(async (_, response) => {
    await login(second.host, plain, options);
    response.end();
  });
  await login(first.host, me, options);
  t.deepEqual(Object.keys(read().auths).sort(), [first.host, second.host].sort());
});

test('a login that the registry rejects changes nothing', async (t) => {
  await using registry = await startRegistry({ login: { user: 'me', password: 'other' } });
  const { folder, options } = home(t);
  await t.throwsAsync(login(registry.address, plain, options), {
    code: 'ERR_REGISTRY_UNAUTHORIZED',
    message: /does not accept this password for me/,
  });
  t.deepEqual(readdirSync(folder), []);
});

test('a login is verified with the token service of a registry that has one', async (t) => {
  await using registry = await startScriptedServer((request, response) => {
    const right = `Basic ${Buffer.from(`${me.username}:${me.password}`).toString('base64')}`;
    if (request.url.pathname === '/token') {
      if (request.headers.authorization !== right) return sendError(response, 401, 'UNAUTHORIZED');
      return void response.end('{"token": "t"}');
    }
    if (request.headers.authorization === 'Bearer t') return void response.end('{}');
    const challenge = `Bearer realm="${registry.url}/token",service="r"`;
    return sendError(response, 401, 'UNAUTHORIZED', '', { 'www-authenticate': challenge });
  });
  const { options, read } = home(t);
  await login(registry.host, me, options);
  t.truthy(read().auths[registry.host]);
  const token = registry.requests.find(({ url }) => url.pathname === '/token');
  t.deepEqual(token?.url.searchParams.getAll('scope'), []);
  t.is(token?.url.searchParams.get('account'), 'me');
  await t.throwsAsync(login(registry.host, { ...me, password: 'no' }, options), {
    code: 'ERR_REGISTRY_UNAUTHORIZED',
  });
});

test('a credential helper keeps the password in place of the file, and forgets it', async (t) => {
  await using registry = await startRegistry({ login: { user: plain.username, password: plain.password } });
  for (const config of [{ credsStore: 'test' }, { credHelpers: { [registry.address]: 'test' } }]) {
    const { folder, read, options } = home(t, config);
    addHelper(folder);
    t.deepEqual(await login(registry.address, plain, options), {
      in: 'helper',
      helper: 'docker-credential-test',
    });
    const kept = JSON.parse(readFileSync(join(folder, 'kept'), 'utf8'));
    t.deepEqual(kept, { ServerURL: registry.address, Username: 'me', Secret: 'secret' });
    t.deepEqual(read(), { ...config, auths: { [registry.address]: {} } });
    t.true(await logout(registry.address, options));
    t.deepEqual(read(), { ...config, auths: {} });
    t.false(await logout(registry.address, options));
  }
});

test('a logout forgets every spelling of the registry, and no other', async (t) => {
  const auths = {
    'https://index.docker.io/v1/': { auth: 'eDp5' },
    'docker.io': {},
    'ghcr.io': { auth: 'eDp5' },
  };
  const { read, options } = home(t, { auths });
  t.true(await logout('https://index.docker.io/v1/', options));
  t.deepEqual(read(), { auths: { 'ghcr.io': { auth: 'eDp5' } } });
  t.false(await logout('docker.io', options));
});

test('a file that is a link is written where it leads; one that is no JSON is not touched', async (t) => {
  await using registry = await startRegistry();
  const { folder, file, options } = home(t);
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'real/file.json'), '{"a": 1}');
  symlinkSync('real/file.json', file);
  await login(registry.address, plain, options);
  t.is(JSON.parse(readFileSync(join(folder, 'real/file.json'), 'utf8')).a, 1);
  const broken = home(t);
  writeFileSync(broken.file, '{"auths"');
  await t.throwsAsync(login(registry.address, plain, broken.options), { code: 'ERR_CREDENTIALS_INVALID' });
  t.is(readFileSync(broken.file, 'utf8'), '{"auths"');
});

test('what is no registry is refused by name', async (t) => {
  for (const name of ['a b', 'ghcr.io/owner', '', 'UPPER_case']) {
    await t.throwsAsync(login(name, plain, home(t).options), {
      code: 'ERR_REFERENCE_INVALID',
      message: /invalid registry/,
    });
  }
});

test('a registry with a search is searched, one without is looked through by name, page after page', async (t) => {
  await using searching = await startScriptedServer((request, response) => {
    if (request.url.pathname !== '/v1/search') return void response.end('{}');
    t.is(request.url.searchParams.get('q'), 'web');
    const results = [
      { name: 'nginx', description: 'server', star_count: 7, is_official: true, is_automated: false },
      { name: 'team/web', star_count: 'many' },
    ];
    return void response.end(JSON.stringify({ results }));
  });
  const { options } = home(t);
  const found = await searchRegistry(`${searching.host}/web`, options);
  t.like(found[0], { name: `${searching.host}/nginx`, description: 'server', stars: 7, official: true });
  t.like(found[1], { name: `${searching.host}/team/web`, stars: 0, official: false });
  await using listing = await startScriptedServer((request, response) => {
    if (request.url.pathname !== '/v2/_catalog')
      return void response.writeHead(request.url.pathname === '/v2/' ? 200 : 404).end();
    const last = request.url.searchParams.get('last');
    if (last === null) response.setHeader('link', '</v2/_catalog?last=b&n=2>; rel="next"');
    response.end(JSON.stringify({ repositories: last === null ? ['a/web', 'b'] : ['web2', 'z'] }));
  });
  const names = (await searchRegistry(`${listing.host}/WEB`, options)).map(({ name }) => name);
  t.deepEqual(names, [`${listing.host}/a/web`, `${listing.host}/web2`]);
  t.is((await searchRegistry(`${listing.host}/web`, { ...options, limit: 1 })).length, 1);
  await using neither = await startScriptedServer((request, response) => {
    response.writeHead(request.url.pathname === '/v2/' ? 200 : 404).end();
  });
  await t.throwsAsync(searchRegistry(`${neither.host}/x`, options), { code: 'ERR_NOT_IMPLEMENTED' });
});

test("a real registry's list of repositories is searched", async (t) => {
  await using registry = await startRegistry();
  t.deepEqual(await searchRegistry(`${registry.address}/anything`, home(t).options), []);
});
