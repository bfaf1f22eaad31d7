import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { runProgram } from '../fixtures/run-program.ts';
import { tarOf } from '../fixtures/tar.ts';
import { openStrake, program, type Strake } from './strake.ts';

const test = anyTest as TestFn<{ strake: Strake; folder: string }>;

test.before(async (t) => {
  const strake = await openStrake();
  t.context = { strake, folder: mkdtempSync('/dev/shm/strake-cp-') };
  const script = 'echo one >/tmp/file; ls /tmp';
  await mustRun(strake, ['run', '--name', 'stopped', strake.image, 'sh', '-c', script]);
  await mustRun(strake, ['run', '-d', '--name', 'running', strake.image, 'sh', '-c', `${script}; sleep 300`]);
});
test.after.always(async (t) => {
  const { strake, folder } = t.context;
  await strake.run(['rm', '-f', 'running', 'stopped']);
  t.deepEqual(await strake.leftovers(), []);
  await strake[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function mustRun(strake: Strake, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await strake.run(argv);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout;
}

/** A folder of its own with a tree to copy. */
function treeIn(folder: string, name: string): string {
  const top = join(folder, name);
  mkdirSync(join(top, 'tree/inner'), { recursive: true });
  writeFileSync(join(top, 'tree/inner/file'), 'deep');
  writeFileSync(join(top, 'tree/top'), 'flat');
  writeFileSync(join(top, 'alone'), 'single');
  return top;
}

for (const container of ['running', 'stopped']) {
  test.serial(`the four cases of docker cp, out of a container that is ${container}`, async (t) => {
    const { strake, folder } = t.context;
    const top = treeIn(folder, `out-${container}`);
    const cp = (from: string, to: string) => strake.run(['cp', '-q', `${container}:${from}`, join(top, to)]);
    const silent = { code: 0, stdout: '', stderr: '' };
    t.deepEqual(await cp('/tmp/file', 'new-file'), silent);
    t.is(readFileSync(join(top, 'new-file'), 'utf8'), 'one\n');
    t.deepEqual(await cp('/tmp/file', 'alone'), silent);
    t.is(readFileSync(join(top, 'alone'), 'utf8'), 'one\n');
    t.deepEqual(await cp('/tmp/file', 'tree'), silent);
    t.is(readFileSync(join(top, 'tree/file'), 'utf8'), 'one\n');
    t.deepEqual(await cp('/tmp', 'tree'), silent);
    t.is(readFileSync(join(top, 'tree/tmp/file'), 'utf8'), 'one\n');
    t.deepEqual(await cp('/tmp', 'new-folder'), silent);
    t.is(readFileSync(join(top, 'new-folder/file'), 'utf8'), 'one\n');
    t.deepEqual(await cp('/tmp/.', 'tree/inner'), silent);
    t.is(readFileSync(join(top, 'tree/inner/file'), 'utf8'), 'one\n');
    t.deepEqual(await cp('/tmp/.', 'newer-folder'), silent);
    t.is(readFileSync(join(top, 'newer-folder/file'), 'utf8'), 'one\n');
  });

  test.serial(`the four cases of docker cp, into a container that is ${container}`, async (t) => {
    const { strake, folder } = t.context;
    const top = treeIn(folder, `in-${container}`);
    const cp = (from: string, to: string) => strake.run(['cp', '-q', `${top}/${from}`, `${container}:${to}`]);
    const content = async (path: string) =>
      (await shell(t.context, `strake cp '${container}:${path}' - | tar -xO`)).stdout;
    const silent = { code: 0, stdout: '', stderr: '' };
    t.deepEqual(await cp('alone', '/etc/new'), silent);
    t.is(await content('/etc/new'), 'single');
    t.deepEqual(await cp('tree/top', '/etc/new'), silent);
    t.is(await content('/etc/new'), 'flat');
    t.deepEqual(await cp('alone', '/etc'), silent);
    t.is(await content('/etc/alone'), 'single');
    t.deepEqual(await cp('tree', '/etc'), silent);
    t.is(await content('/etc/tree/inner/file'), 'deep');
    t.deepEqual(await cp('tree', '/etc/made'), silent);
    t.is(await content('/etc/made/inner/file'), 'deep');
    t.deepEqual(await cp('tree/.', '/etc'), silent);
    t.is(await content('/etc/inner/file'), 'deep');
  });
}

test.serial('what cannot be copied is said as docker does', async (t) => {
  const { strake, folder } = t.context;
  const top = treeIn(folder, 'errors');
  const refused: [string[], RegExp][] = [
    [['stopped:/none', top], /Could not find the file \/none in container stopped/],
    [[join(top, 'none'), 'stopped:/tmp'], /no such file or directory/],
    [[join(top, 'tree'), 'stopped:/tmp/file'], /cannot copy directory/],
    [['stopped:/tmp', join(top, 'alone')], /cannot copy directory/],
    [[join(top, 'alone'), 'stopped:/tmp/none/'], /no such directory/],
    [[join(top, 'alone'), 'stopped:/tmp/file/'], /not a directory/],
    [['stopped:/tmp/file/', top], /not a directory/],
    [[join(top, 'alone'), 'stopped:/none/deeper'], /Could not find the file \/none in container stopped/],
    [['stopped:/tmp', join(top, 'none/deeper')], /invalid output path: directory ".*none" does not exist/],
    [['stopped:/tmp', 'running:/tmp'], /copying between containers is not supported/],
    [['./here', './there'], /must specify at least one container source/],
    [['stopped:', top], /source can not be empty/],
    [['nobody:/tmp', top], /nobody/],
  ];
  for (const [words, reason] of refused) {
    const { code, stdout, stderr } = await strake.run(['cp', ...words]);
    t.deepEqual([code, stdout], [1, ''], words.join(' '));
    t.regex(stderr, reason);
  }
});

test.serial('owners are kept with -a alone, and links are followed with -L alone', async (t) => {
  const { strake, folder } = t.context;
  const top = treeIn(folder, 'flags');
  symlinkSync('tree/top', join(top, 'link'));
  writeFileSync(
    join(top, 'owned.tar'),
    tarOf([{ path: 'owned', content: 'x', uid: 7, gid: 8, mode: 0o600 }]),
  );
  await shell(t.context, 'strake cp - stopped:/tmp <"$1"/owned.tar', top);
  await mustRun(strake, ['cp', 'stopped:/tmp/owned', join(top, 'mine')]);
  t.is(statSync(join(top, 'mine')).uid, process.getuid?.() ?? -1);
  await mustRun(strake, ['cp', '-a', 'stopped:/tmp/owned', join(top, 'kept')]);
  t.deepEqual([statSync(join(top, 'kept')).uid, statSync(join(top, 'kept')).gid], [7, 8]);
  t.is(statSync(join(top, 'kept')).mode & 0o777, 0o600);
  await mustRun(strake, ['cp', join(top, 'link'), 'stopped:/tmp/link']);
  await mustRun(strake, ['cp', '-L', join(top, 'link'), 'stopped:/tmp/followed']);
  await mustRun(strake, ['cp', 'stopped:/tmp/link', join(top, 'back')]);
  await mustRun(strake, ['cp', 'stopped:/tmp/followed', join(top, 'forth')]);
  t.true(lstatSync(join(top, 'back')).isSymbolicLink());
  t.is(readFileSync(join(top, 'forth'), 'utf8'), 'flat');
});

test.serial('a tar goes through stdin and stdout, and success is said on stderr', async (t) => {
  const { strake, folder } = t.context;
  const top = treeIn(folder, 'pipes');
  const piped = await shell(
    t.context,
    'tar -C "$1" -c tree | strake cp - running:/etc && strake cp running:/etc/tree - | tar -x -C "$1" --transform s/tree/back/',
    top,
  );
  t.is(piped.code, 0);
  t.regex(piped.stderr, /^Successfully copied .* to running:\/etc\n$/);
  t.is(readFileSync(join(top, 'back/inner/file'), 'utf8'), 'deep');
  const file = await strake.run(['cp', '-', 'running:/tmp/file'], { input: '' });
  t.regex(file.stderr, /destination "running:\/tmp\/file" must be a directory/);
});

test.serial('a link at the destination is followed inside the container, not here', async (t) => {
  const { strake, folder } = t.context;
  const top = treeIn(folder, 'linked');
  const outside = join(top, 'outside');
  mkdirSync(outside);
  const script = `busybox ln -s ${outside} /tmp/out; busybox ln -s ${outside}/file /tmp/name; busybox mkdir -p ${outside}; sleep 100`;
  await mustRun(strake, ['run', '-d', '--name', 'linked', strake.image, 'sh', '-c', script]);
  for (let i = 0; i < 50 && (await strake.run(['cp', 'linked:/tmp/name', '-'])).code !== 0; i++);
  await mustRun(strake, ['cp', join(top, 'alone'), 'linked:/tmp/out']);
  await mustRun(strake, ['cp', join(top, 'alone'), 'linked:/tmp/name']);
  t.deepEqual(readdirSync(outside), []);
  t.is(
    await mustRun(strake, ['exec', 'linked', 'cat', `${outside}/alone`, `${outside}/file`]),
    'singlesingle',
  );
  t.false(existsSync(join(outside, 'file')));
  await mustRun(strake, ['rm', '-f', 'linked']);
});

/** In a shell, where `strake` is the program on this test's root, and $1… are `words`. */
function shell({ strake }: { strake: Strake }, script: string, ...words: string[]) {
  const whole = `set -o pipefail; strake() { node "$program" --root "$root" "$@"; }; ${script}`;
  return runProgram('bash', ['-c', whole, 'bash', ...words], {
    env: { ...process.env, program, root: strake.root },
  });
}
