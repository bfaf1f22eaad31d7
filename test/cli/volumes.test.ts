import { existsSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;

test.before(async (t) => {
  t.context = await openStrake();
});
test.after.always(async (t) => {
  await t.context[Symbol.asyncDispose]();
});
test.afterEach(async (t) => {
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('volume create prints the name, and inspect docker’s document', async (t) => {
  const strake = t.context;
  t.is((await strake.run(['volume', 'create', '--label', 'tier=db', 'data'])).stdout, 'data\n');
  const { stdout } = await strake.run(['volume', 'inspect', 'data']);
  t.true(stdout.startsWith('[\n    {\n        "CreatedAt": "'));
  const [{ CreatedAt, ...document }] = JSON.parse(stdout);
  t.false(Number.isNaN(Date.parse(CreatedAt)));
  t.deepEqual(document, {
    Driver: 'local',
    Labels: { tier: 'db' },
    Mountpoint: join(strake.root, 'volumes/data/_data'),
    Name: 'data',
    Options: null,
    Scope: 'local',
  });
  const flags = ['-f', '{{.Mountpoint}} {{.Labels.tier}}'];
  t.is((await strake.run(['volume', 'inspect', ...flags, 'data'])).stdout, `${document.Mountpoint} db\n`);
  const half = await strake.run(['volume', 'inspect', 'data', 'none']);
  t.is(half.code, 1);
  t.is(JSON.parse(half.stdout).length, 1);
  t.regex(half.stderr, /^strake: there is no volume none/);
  t.is((await strake.run(['volume', 'rm', 'data'])).stdout, 'data\n');
});

test.serial('volume ls has docker’s columns, filters and formats', async (t) => {
  const strake = t.context;
  await strake.run(['volume', 'create', 'one', '--label', 'a=1']);
  await strake.run(['volume', 'create', '--name', 'two']);
  const { stdout: anonymous } = await strake.run(['volume', 'create']);
  t.regex(anonymous, /^[0-9a-f]{64}\n$/);
  await strake.run(['create', '--name', 'holder', '-v', 'two:/v', strake.image, 'true']);
  const list = async (...flags: string[]) => (await strake.run(['volume', 'ls', ...flags])).stdout;
  t.regex(await list(), /^DRIVER {3}VOLUME NAME\nlocal {4}[0-9a-f]{64}\nlocal {4}one\nlocal {4}two\n$/);
  t.is(await list('-q', '--filter', 'name=w'), 'two\n');
  t.is(await list('-q', '-f', 'label=a=1'), 'one\n');
  t.is(await list('-q', '-f', 'dangling=false'), 'two\n');
  t.is(await list('-q', '-f', 'dangling=true', '-f', 'name=one'), 'one\n');
  t.is(await list('-q', '-f', 'label=com.docker.volume.anonymous'), anonymous);
  t.is(await list('-q', '-f', 'driver=nfs'), '');
  t.is(await list('--format', '{{.Name}} {{.Labels}}', '-f', 'name=one'), 'one a=1\n');
  t.like(JSON.parse(await list('--format', 'json', '-f', 'name=two')), { Driver: 'local', Scope: 'local' });
  for (const filter of ['colour=red', 'dangling=perhaps'])
    t.is((await strake.run(['volume', 'ls', '-f', filter])).code, 1);
  t.regex(
    (await strake.run(['system', 'df', '-v'])).stdout,
    /VOLUME NAME +LINKS +SIZE\n.* 0 .*\none +0 .*\ntwo +1 /,
  );
  await strake.run(['rm', 'holder']);
  t.is((await strake.run(['volume', 'rm', 'one', 'two', anonymous.trim()])).code, 0);
});

test.serial('volume rm goes on past what cannot go, and names who has it', async (t) => {
  const strake = t.context;
  await strake.run(['create', '--name', 'holder', '-v', 'held:/v', strake.image, 'true']);
  await strake.run(['volume', 'create', 'free']);
  const { code, stdout, stderr } = await strake.run(['volume', 'rm', '-f', 'held', 'none', 'free']);
  t.deepEqual([code, stdout], [1, 'none\nfree\n']);
  t.regex(stderr, /^strake: cannot remove volume held: it is in use by holder;.*\n$/);
  t.is((await strake.run(['volume', 'rm', 'none'])).code, 1);
  await strake.run(['rm', 'holder']);
  t.is((await strake.run(['volume', 'rm', 'held'])).code, 0);
});

test.serial('volume prune asks, takes anonymous ones, with -a all, and prints what it freed', async (t) => {
  const strake = t.context;
  await strake.run(['run', '--rm', '-v', 'data:/v', strake.image, 'sh', '-c', 'echo hello > /v/x']);
  const { stdout: anonymous } = await strake.run(['volume', 'create']);
  const refused = await strake.run(['volume', 'prune'], { input: 'n\n' });
  t.is(refused.code, 1);
  t.regex(
    refused.stdout,
    /^WARNING! This will remove anonymous local volumes not used by at least one container\.\n/,
  );
  const pruned = await strake.run(['volume', 'prune', '-f']);
  t.regex(pruned.stdout, new RegExp(`^Deleted Volumes:\\n${anonymous}\\nTotal reclaimed space: \\d+k?B\\n$`));
  t.true(existsSync(join(strake.root, 'volumes/data/_data/x')));
  t.is(
    (await strake.run(['volume', 'prune', '-af', '--filter', 'label=x'])).stdout,
    'Total reclaimed space: 0B\n',
  );
  t.regex(
    (await strake.run(['volume', 'prune', '-a'], { input: 'y\n' })).stdout,
    /WARNING! This will remove all local volumes not used.*\n[\s\S]*Deleted Volumes:\ndata\n\nTotal reclaimed space: [1-9]/,
  );
});

test.serial('system prune --volumes takes anonymous volumes alone', async (t) => {
  const strake = t.context;
  await strake.run(['volume', 'create', 'kept']);
  const { stdout: anonymous } = await strake.run(['volume', 'create']);
  const { stdout } = await strake.run(['system', 'prune', '-f', '--volumes']);
  t.true(stdout.startsWith(`Deleted Volumes:\n${anonymous}`), stdout);
  t.is((await strake.run(['volume', 'rm', 'kept'])).code, 0);
});

test.serial('--volumes-from gives another container’s volumes, as they are or read-only', async (t) => {
  const strake = t.context;
  await strake.run([
    'run',
    '--name',
    'maker',
    '-v',
    'data:/v',
    strake.image,
    'sh',
    '-c',
    'echo hello > /v/x',
  ]);
  const heir = async (from: string) =>
    await strake.run([
      'run',
      '--rm',
      '--volumes-from',
      from,
      strake.image,
      'sh',
      '-c',
      'cat /v/x; touch /v/y',
    ]);
  t.like(await heir('maker'), { code: 0, stdout: 'hello\n' });
  t.like(await heir('maker:ro,z'), { code: 1, stdout: 'hello\n' });
  t.is((await heir('maker:bogus')).code, 125);
  t.is((await heir('nobody')).code, 125);
  await strake.run(['rm', 'maker']);
  await strake.run(['volume', 'rm', 'data']);
});

test.serial('drivers and options that are not there are refused', async (t) => {
  const strake = t.context;
  for (const flags of [
    ['-d', 'nfs'],
    ['-o', 'type=nfs'],
    ['--name', 'other'],
  ])
    t.is((await strake.run(['volume', 'create', ...flags, 'data'])).code, 1, flags.join(' '));
});
