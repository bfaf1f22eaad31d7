import anyTest, { type TestFn } from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<{ strake: Strake; registry: Registry; image: string }>;

test.before(async (t) => {
  const registry = await startRegistry();
  t.context = {
    registry,
    strake: await openStrake(),
    image: await registry.push(await busyboxImage(), 'tools/busybox:1'),
  };
});
test.after.always(async (t) => {
  await t.context.strake[Symbol.asyncDispose]();
  await t.context.registry.stop();
});

test.serial('run pulls what is not here, says so on stderr, and runs it', async (t) => {
  const { strake, image } = t.context;
  const output = await strake.run(['run', '--rm', image, 'sh', '-c', 'id -un; echo $PATH']);
  t.is(output.code, 0, output.stderr);
  t.is(output.stdout, 'root\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n');
  t.regex(output.stderr, /is not here: pulling it\n.*: pull complete\n/s);
  t.is((await strake.run(['run', '--rm', image, 'true'])).stderr, '');
});

test.serial('a user of the image is found by name, and no other', async (t) => {
  const { strake, image } = t.context;
  const output = await strake.run([
    'run',
    '--rm',
    '-u',
    'user',
    '--group-add',
    'video',
    image,
    'sh',
    '-c',
    'id; echo $HOME',
  ]);
  t.regex(
    output.stdout,
    /^uid=1000\(user\) gid=1000\(user\) groups=.*44\(video\).*\n\/home\n$/,
    output.stderr,
  );
  const other = await strake.run(['run', '--rm', '-u', 'stranger', image, 'true']);
  t.is(other.code, 125);
  t.regex(other.stderr, /stranger/);
});

test.serial('images lists names, and rmi refuses what a container uses', async (t) => {
  const { strake, image } = t.context;
  const [repository, tag] = [image.slice(0, image.lastIndexOf(':')), '1'];
  t.regex((await strake.run(['images'])).stdout, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n/);
  t.is(
    (await strake.run(['images', '--format', '{{.Repository}} {{.Tag}}'])).stdout,
    `${repository} ${tag}\n`,
  );
  t.is((await strake.run(['create', '--name', 'user-of-it', image, 'true'])).code, 0);
  const refused = await strake.run(['rmi', image]);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /user-of-it/);
  await strake.run(['rm', 'user-of-it']);
  t.regex((await strake.run(['rmi', image])).stdout, /^Untagged: .*\nDeleted: sha256:/s);
  t.is((await strake.run(['images', '-q'])).stdout, '');
});

test.serial('pull policies: never does not pull, always asks the registry', async (t) => {
  const { strake, image, registry } = t.context;
  const never = await strake.run(['run', '--rm', '--pull', 'never', image, 'true']);
  t.is(never.code, 125);
  t.regex(never.stderr, /is not here/);
  t.is((await strake.run(['pull', '-q', image])).code, 0);
  t.regex((await strake.run(['run', '--rm', '--pull', 'always', image, 'true'])).stderr, /up to date/);
  const missing = await strake.run(['pull', `${registry.address}/no/such:1`]);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /^strake: [^\n]*no\/such[^\n]*\n$/);
});

test.serial('an option of a container that is inspected is there as given', async (t) => {
  const { strake, image } = t.context;
  await strake.run([
    'create',
    '--name',
    'seen',
    '-m',
    '64m',
    '--label',
    'a=b',
    '-e',
    'X=1',
    image,
    'sleep',
    '9',
  ]);
  const [info] = JSON.parse((await strake.run(['inspect', 'seen'])).stdout);
  t.like(info, { Name: '/seen', Path: 'sleep', Args: ['9'], State: { Status: 'created' } });
  t.like(info.Config, { Image: image, Labels: { a: 'b' } });
  t.like(info.HostConfig, { Memory: 64 * 2 ** 20, NetworkMode: 'none' });
  t.true(info.Config.Env.includes('X=1'));
  await strake.run(['rm', 'seen']);
});
