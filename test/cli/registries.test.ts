import test from 'ava';
import { buildImage, noise } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startUploadRegistry } from '../fixtures/upload-registry.ts';
import { startScriptedServer } from '../registry-client/scripted-server.ts';
import { openStrake } from './strake.ts';

const image = buildImage({ layers: [{ entries: [{ path: 'file', content: noise(10_000) }] }] });

test('push sends one tag or all, and says what the registry now has, as docker does', async (t) => {
  await using source = await startQuirkyRegistry();
  await using registry = await startUploadRegistry();
  await using strake = await openStrake();
  const repository = `${registry.address}/team/app`;
  const pulled = source.add(image, 'image');
  await strake.run(['pull', '-q', pulled]);
  for (const tag of ['v1', 'v2']) await strake.run(['tag', pulled, `${repository}:${tag}`]);
  const { stdout } = await strake.run(['push', '-a', repository]);
  const line = (tag: string) => `${tag}: digest: ${image.target.digest} size: ${image.target.size}\n`;
  t.is(stdout, `The push refers to repository [${repository}]\n${line('v1')}${line('v2')}`);
  const packed = await strake.run(['image', 'push', '-q', '--compression', 'zstd:1', `${repository}:v2`]);
  t.is(packed.stdout, `${repository}:v2\n`);
  t.regex(registry.manifests.get('team/app:v2')!.bytes.toString(), /tar\+zstd/);
});

test('pull takes one tag or all that the registry has, page after page, and refuses a tag then', async (t) => {
  await using source = await startQuirkyRegistry();
  await using strake = await openStrake();
  const names = ['v1', 'v2', 'latest'].map((tag) => source.add(image, 'team/app', tag));
  source.add(image, 'team/apples', 'v9');
  const repository = `${source.address}/team/app`;
  const pulled = await strake.run(['pull', '-q', '--all-tags', repository]);
  t.is(pulled.stdout, names.map((name) => `${name}\n`).join(''), pulled.stderr);
  t.is((await strake.run(['images', '-q', '--no-trunc'])).stdout, `${image.config.digest}\n`);
  const refused = await strake.run(['pull', '-a', `${repository}:v1`]);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /the repository alone/);
  const unknown = await strake.run(['pull', '-a', `${source.address}/none`]);
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /none/);
});

test('an image that is here by its digest alone is listed with its repository', async (t) => {
  await using source = await startQuirkyRegistry();
  await using strake = await openStrake();
  const repository = source.add(image, 'image').replace(/:[^:]*$/, '');
  await strake.run(['pull', '-q', `${repository}@${image.target.digest}`]);
  const { stdout } = await strake.run([
    'images',
    '--format',
    '{{.Repository}} {{.Tag}} {{.Digest}}',
    repository,
  ]);
  t.is(stdout, `${repository} <none> ${image.target.digest}\n`);
});

test('push refuses flags that contradict each other, levels that there are not, and what is not here', async (t) => {
  await using strake = await openStrake();
  const refused = async (...argv: string[]) => (await strake.run(['push', ...argv])).stderr;
  t.regex(await refused('--compression', 'zstd:20', 'a/b'), /zstd:1 to zstd:19/);
  t.regex(await refused('--compression', 'xz', 'a/b'), /write gzip/);
  t.regex(await refused('--all-platforms', '--platform', 'linux/arm64', 'a/b'), /every platform is pushed/);
  t.regex(await refused('-a', 'a/b:tag'), /the repository alone/);
  t.regex(await refused('a/b'), /there is no image a\/b:latest here to push/);
});

test('search prints a table, docker fields as JSON, and what a template asks for; filters narrow it', async (t) => {
  await using registry = await startScriptedServer((request, response) => {
    if (request.url.pathname !== '/v1/search') return void response.end('{}');
    const results = [
      {
        name: 'nginx',
        description: 'a server\u001b[31m of pages, which goes on and on and on',
        star_count: 9,
        is_official: true,
      },
      { name: 'me/nginx', description: '', star_count: 1, is_official: false },
    ];
    response.end(JSON.stringify({ results }));
  });
  await using strake = await openStrake();
  const search = async (...argv: string[]) =>
    (await strake.run(['search', ...argv, `${registry.host}/nginx`])).stdout;
  const table = await search();
  t.regex(table, /^NAME +DESCRIPTION +STARS +OFFICIAL\n/);
  t.false(table.includes('\u001b'));
  t.is(
    await search('--format', '{{.Name}} {{.StarCount}}'),
    `${registry.host}/nginx 9\n${registry.host}/me/nginx 1\n`,
  );
  t.is(await search('-f', 'stars=2', '--format', '{{.IsOfficial}}'), 'true\n');
  t.is(await search('-f', 'is-official=false', '--format', '{{.StarCount}}'), '1\n');
  t.regex((await strake.run(['search', '-f', 'colour=red', 'x'])).stderr, /stars=N/);
  t.regex((await strake.run(['search', '--limit', '101', 'x'])).stderr, /from 1 to 100/);
});

test('a manifest list is created, shown, pushed and removed, in docker words', async (t) => {
  await using source = await startQuirkyRegistry();
  await using registry = await startUploadRegistry();
  await using strake = await openStrake();
  const list = `${registry.address}/list:v1`;
  const one = source.add(image, 'image');
  const manifest = (...argv: string[]) => strake.run(['manifest', ...argv]);
  t.is((await manifest('create', list, one)).stdout, `Created manifest list ${list}\n`);
  await manifest('annotate', '--variant', 'v9', '--arch', 'arm64', list, one);
  await manifest('annotate', '--os-features', 'a,b', '--os-features', 'c', '--os-version', '10.0', list, one);
  const shown = JSON.parse((await manifest('inspect', list)).stdout);
  t.like(shown.manifests[0].platform, { 'os.version': '10.0', 'os.features': ['a', 'b', 'c'] });
  t.like(shown.manifests, [
    { digest: image.target.digest, platform: { architecture: 'arm64', variant: 'v9' } },
  ]);
  const { stdout } = await manifest('push', list);
  t.regex(stdout, /^sha256:[0-9a-f]{64}\n$/);
  t.true(registry.manifests.has(`list@${stdout.trim()}`));
  t.is((await manifest('rm', list)).code, 0);
  t.is((await manifest('rm', list)).code, 1);
  const raw = await manifest('inspect', '--raw', one);
  t.is(raw.stdout, image.blobs.get(image.target.digest)!.bytes.toString());
  const [verbose] = [JSON.parse((await manifest('inspect', '-v', one)).stdout)];
  t.like(verbose, { Ref: one, Descriptor: { digest: image.target.digest } });
});

test('a login without a terminal says how to give the password', async (t) => {
  await using strake = await openStrake();
  const env = { DOCKER_CONFIG: temporaryFolder(t) };
  const login = async (...argv: string[]) =>
    (await strake.run(['login', ...argv], { env, input: '' })).stderr;
  t.regex(await login(), /stdin is no terminal: give --username and --password-stdin/);
  t.regex(await login('-u', 'me'), /stdin is no terminal: give the password by --password-stdin/);
  t.regex(await login('--password-stdin'), /needs --username/);
  t.regex(await login('-u', 'me', '--password-stdin'), /the password is empty/);
  t.is(
    (await strake.run(['logout', 'nowhere.example'], { env })).stdout,
    'Not logged in to nowhere.example\n',
  );
});
