import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<{ strake: Strake; registry: Registry; image: string }>;

test.before(async (t) => {
  const registry = await startRegistry();
  const strake = await openStrake();
  const image = await registry.push(await busyboxImage(), 'tools/busybox:1');
  await strake.run(['pull', '-q', image]);
  t.context = { registry, strake, image };
});
test.after.always(async (t) => {
  await t.context.strake[Symbol.asyncDispose]();
  await t.context.registry.stop();
});

test.serial('diff lists what a container has changed, and commit makes an image of it', async (t) => {
  const { strake, image } = t.context;
  const script = 'echo hello > /hello; rm /etc/passwd';
  t.is((await strake.run(['run', '--name', 'writer', image, 'sh', '-c', script])).code, 0);
  t.is((await strake.run(['diff', 'writer'])).stdout, 'C /etc\nD /etc/passwd\nA /hello\n');
  t.is(
    (await strake.run(['diff', '--format', 'json', 'writer'])).stdout.split('\n')[2],
    '{"kind":"added","path":"/hello"}',
  );
  const flags = ['-m', 'note', '-a', 'me', '-c', 'CMD cat /hello', '--pause=false'];
  const made = await strake.run(['commit', ...flags, 'writer', 'made:1'], {
    env: { SOURCE_DATE_EPOCH: '1' },
  });
  t.regex(made.stdout, /^sha256:[0-9a-f]{64}\n$/, made.stderr);
  t.is((await strake.run(['run', '--rm', 'made:1'])).stdout, 'hello\n');
  const history = await strake.run(['history', '--format', '{{.ID}} {{.Comment}} {{.CreatedAt}}', 'made:1']);
  t.is(history.stdout.split('\n')[0], `${made.stdout.slice(7, 19)} note 1970-01-01T00:00:01.000Z`);
  t.regex((await strake.run(['history', 'made:1'])).stdout, /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n/);
  const [document] = JSON.parse((await strake.run(['image', 'inspect', 'made:1'])).stdout);
  t.like(document, { RepoTags: ['made:1'], Author: 'me', Comment: 'note', Os: 'linux' });
  t.is(
    (await strake.run(['inspect', '-f', '{{len .RootFS.Layers}}', 'made:1'])).stdout,
    `${document.RootFS.Layers.length}\n`,
  );
});

test.serial('images filters as docker does', async (t) => {
  const { strake, image } = t.context;
  const names = async (...filters: string[]) =>
    (
      await strake.run([
        'images',
        '--format',
        '{{.Repository}}:{{.Tag}}',
        ...filters.flatMap((f) => ['-f', f]),
      ])
    ).stdout
      .split('\n')
      .filter(Boolean)
      .sort();
  t.deepEqual(await names(), [image, 'made:1'].sort());
  t.deepEqual(await names('reference=made:*'), ['made:1']);
  t.deepEqual(await names('reference=ma?e'), ['made:1']);
  await strake.run(['tag', 'made:1', 'other/made:2']);
  t.deepEqual(await names('reference=made'), ['made:1'], 'not by its other name');
  t.deepEqual(await names('reference=*/made', 'reference=made'), ['made:1', 'other/made:2']);
  const listed = async (name: string) =>
    (await strake.run(['images', '--format', '{{.Repository}}:{{.Tag}}', name])).stdout;
  t.is(await listed('mad*'), 'made:1\n');
  t.is(await listed('*/made:2'), 'other/made:2\n');
  t.is(await listed('made:2'), '');
  await strake.run(['rmi', 'other/made:2']);
  t.deepEqual(await names('dangling=true'), []);
  t.deepEqual(await names('dangling=false'), [image, 'made:1'].sort());
  t.deepEqual(await names(`before=${image}`), ['made:1']);
  t.deepEqual(await names('since=made:1'), [image]);
  t.deepEqual(await names('label=none'), []);
  t.is((await strake.run(['images', '-f', 'colour=red'])).code, 1);
  t.regex(
    (await strake.run(['images', '-f', 'reference=[z-a]'])).stderr,
    /invalid --filter .*write the lesser/,
  );
});

test.serial('system df adds up, in the table, in lines and as JSON', async (t) => {
  const { strake } = t.context;
  const table = (await strake.run(['system', 'df'])).stdout;
  t.regex(table, /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +1 .*\nContainers +1 +0 /);
  const usage = JSON.parse((await strake.run(['system', 'df', '-v', '--format', 'json'])).stdout);
  for (const item of usage.images.items) t.is(item.size, item.sharedSize + item.uniqueSize);
  t.is(usage.containers.size, usage.containers.items[0].size);
  t.true(usage.containers.size > 0);
  t.regex((await strake.run(['system', 'df', '-v'])).stdout, /SHARED SIZE +UNIQUE SIZE/);
  const [info] = JSON.parse((await strake.run(['inspect', '-s', 'writer'])).stdout);
  t.is(info.SizeRw, usage.containers.size);
});

test.serial('rmi says what docker says', async (t) => {
  const { strake, image } = t.context;
  const refused = await strake.run(['rmi', image]);
  t.is(refused.code, 1);
  t.regex(
    refused.stderr,
    /conflict: unable to remove repository reference .* \(must force\) - container [0-9a-f]{12} \(writer\)/,
  );
  t.is((await strake.run(['rmi', '-f', 'no-such'])).code, 0);
  const id = (await strake.run(['inspect', '-f', '{{.Id}}', 'made:1'])).stdout.trim();
  t.regex((await strake.run(['rmi', id.slice(7, 19)])).stdout, /^Untagged: made:1\nDeleted: sha256:/);
});

test.serial('a scrub is silent of what is whole, and fails for a byte that changed', async (t) => {
  const { strake, image } = t.context;
  const whole = await strake.run(['system', 'scrub']);
  t.is(whole.code, 0, whole.stdout);
  t.regex(whole.stdout, /: all whole\n$/);
  flipLargest(join(strake.root, 'layers/layers'));
  const broken = await strake.run(['system', 'scrub', '--format', 'json']);
  t.is(broken.code, 1);
  t.is(JSON.parse(broken.stdout).problems[0].kind, 'layer');
  const mended = await strake.run(['system', 'scrub', '--repair']);
  t.is(mended.code, 0, mended.stdout);
  t.regex(mended.stdout, /: repaired\n/);
  t.is((await strake.run(['run', '--rm', image, 'true'])).code, 0);
});

test.serial('prunes ask first, and then take what is not in use', async (t) => {
  const { strake } = t.context;
  const refused = await strake.run(['system', 'prune', '-a'], { input: 'n\n' });
  t.is(refused.code, 1);
  t.regex(refused.stdout, /^WARNING! This will remove:\n {2}- all stopped containers\n[\s\S]*\[y\/N\] /);
  t.regex((await strake.run(['image', 'prune', '-af'])).stdout, /^Total reclaimed space: 0B\n$/);
  const containers = await strake.run(['container', 'prune'], { input: 'y\n' });
  t.regex(containers.stdout, /Deleted Containers:\n[0-9a-f]{64}\n/, containers.stderr);
  const pruned = await strake.run(['system', 'prune', '-af', '--volumes']);
  t.regex(
    pruned.stdout,
    /^Deleted Images:\nuntagged: [\s\S]*deleted: sha256:[\s\S]*Total reclaimed space: [1-9]/,
  );
  t.is((await strake.run(['images', '-q'])).stdout, '');
  t.is(
    (await strake.run(['system', 'df', '--format', '{{.Type}} {{.Size}}'])).stdout.split('\n')[0],
    'Images 0B',
  );
});

test.serial('a word that is no command of a group is an error that names it', async (t) => {
  const { strake } = t.context;
  const { code, stderr } = await strake.run(['image', 'frobnicate']);
  t.is(code, 1);
  t.regex(stderr, /^strake: unknown command "frobnicate"/);
  t.regex((await strake.run(['system', '--help'])).stdout, /prune/);
});

/** Alters one byte of the largest file, as a disk does: the times stay. */
function flipLargest(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  const path = files.reduce((one, other) => (statSync(other).size > statSync(one).size ? other : one));
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}
