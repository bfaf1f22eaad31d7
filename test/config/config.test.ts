import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { configPaths, defaultConfig, loadConfig, registryConfigOf } from '../../lib/config/index.ts';

async function folder(t: { teardown(end: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'strake-config-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

async function write(directory: string, name: string, content: unknown): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('without files there are the defaults', async (t) => {
  const env = { XDG_CONFIG_HOME: await folder(t) };
  t.deepEqual(await loadConfig({ env }), defaultConfig);
});

test("the machine's file comes before the user's, which XDG_CONFIG_HOME may move", (t) => {
  t.deepEqual(configPaths({ XDG_CONFIG_HOME: '/x' }), ['/etc/strake/config.json', '/x/strake/config.json']);
});

test("root reads root's own file, whoever's HOME is set", (t) => {
  t.not(configPaths({ HOME: '/home/somebody' })[1], '/home/somebody/.config/strake/config.json');
});

test("the user's file is found below XDG_CONFIG_HOME and merged into the defaults", async (t) => {
  const directory = await folder(t);
  await write(directory, 'strake/config.json', {
    downloads: { concurrency: 2 },
    registries: { 'docker.io': {} },
  });
  const config = await loadConfig({ env: { XDG_CONFIG_HOME: directory } });
  t.deepEqual(config.downloads, { ...defaultConfig.downloads, concurrency: 2 });
  t.deepEqual(config.registries, { 'docker.io': {} });
});

test('STRAKE_CONFIG names the only file that is read, and it must be there', async (t) => {
  const directory = await folder(t);
  await write(directory, 'strake/config.json', { downloads: { concurrency: 2 } });
  const named = await write(directory, 'mine.json', { downloads: { attempts: 7 } });
  const config = await loadConfig({ env: { XDG_CONFIG_HOME: directory, STRAKE_CONFIG: named } });
  t.deepEqual(config.downloads, { ...defaultConfig.downloads, attempts: 7 });
  const absent = { STRAKE_CONFIG: join(directory, 'absent.json') };
  await t.throwsAsync(loadConfig({ env: absent }), {
    code: 'ERR_CONFIG_INVALID',
    message: /absent\.json.*does not exist/,
  });
});

test('paths of certificates are relative to the file', async (t) => {
  const directory = await folder(t);
  const tls = { ca: 'certs/ca.pem', key: '/abs/key.pem', skipVerify: true };
  const file = await write(directory, 'c.json', { registries: { 'host:5000': { tls } } });
  const { registries } = await loadConfig({ file });
  const expected = { ca: join(directory, 'certs/ca.pem'), key: '/abs/key.pem', skipVerify: true };
  t.deepEqual(registries['host:5000']?.tls, expected);
});

for (const [fault, content, complaint] of [
  ['is no JSON', '{', /not valid JSON/],
  ['is a list', [], /the file must be an object/],
  ['has an unknown key', { registry: {} }, /registry is unknown; .* registries, proxies, downloads, limits/],
  [
    'has an unknown key deep inside',
    { registries: { 'docker.io': { mirror: [] } } },
    /registries\["docker\.io"\]\.mirror is unknown; .* mirrors, insecure, tls/,
  ],
  ['has a URL for a prefix', { registries: { 'https://docker.io': {} } }, /without https:\/\//],
  [
    'has a mirror that is no URL',
    { registries: { a: { mirrors: ['m:1'] } } },
    /\.mirrors\[0\] must be a URL/,
  ],
  ['has a mirror with a password', { registries: { a: { mirrors: ['https://u:p@m'] } } }, /no user/],
  ['has a list for an object', { registries: { a: { tls: [] } } }, /registries\.a\.tls must be an object/],
  ['has null for an object', { downloads: null }, /downloads must be an object/],
  ['downloads nothing at once', { downloads: { concurrency: 0 } }, /downloads\.concurrency .* from 1 to 64/],
  ['has text for a flag', { registries: { a: { insecure: 'yes' } } }, /insecure must be true or false/],
  ['has a proxy of another kind', { proxies: { https: 'socks5://x' } }, /proxies\.https must be a URL/],
] as const) {
  test(`a file that ${fault} is refused with the place and the remedy`, async (t) => {
    const file = await write(await folder(t), 'c.json', content);
    const error = await t.throwsAsync(loadConfig({ file }), {
      code: 'ERR_CONFIG_INVALID',
      message: complaint,
    });
    t.true(error.message.includes(file));
  });
}

test('all faults of a file are told at once', async (t) => {
  const file = await write(await folder(t), 'c.json', { a: 1, downloads: { attempts: -1 } });
  await t.throwsAsync(loadConfig({ file }), { message: /a is unknown.*attempts|attempts.*a is unknown/ });
});

test('the longest prefix that ends at a component counts', (t) => {
  const registries = {
    'docker.io': { mirrors: ['https://one'] },
    'docker.io/library': { mirrors: ['https://two'] },
    'host:5000': { insecure: true },
  };
  const config = { ...defaultConfig, registries };
  t.deepEqual(registryConfigOf(config, 'docker.io/library/debian'), registries['docker.io/library']);
  t.deepEqual(registryConfigOf(config, 'docker.io/librarynot/debian'), registries['docker.io']);
  t.deepEqual(registryConfigOf(config, 'docker.io.evil/x'), {});
  t.deepEqual(registryConfigOf(config, 'host:5000'), registries['host:5000']);
  t.deepEqual(registryConfigOf(config, 'host:50001/x'), {});
});

test('the example in docs/configuration.md is valid, and shows every key', async (t) => {
  const text = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const example = /```json\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const config = await loadConfig({ file: await write(await folder(t), 'c.json', example) });
  t.deepEqual(Object.keys(config.downloads), Object.keys(defaultConfig.downloads));
  for (const key of Object.keys({ ...config.downloads, ...config.limits, ...config.proxies })) {
    t.true(example.includes(`"${key}"`), key);
  }
});
