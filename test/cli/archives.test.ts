import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { mustRun, runProgram } from '../fixtures/run-program.ts';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<{ strake: Strake; folder: string }>;

test.before(async (t) => {
  const strake = await openStrake();
  const folder = mkdtempSync(join(tmpdir(), 'strake-archives-'));
  t.context = { strake, folder };
  const { folder: layout, tag } = await busyboxImage();
  const { code, stderr } = await strake.run(['copy', '-q', `oci:${layout}:${tag}`, 'busybox:1']);
  if (code !== 0) throw new Error(stderr);
});
test.after.always(async (t) => {
  await t.context.strake[Symbol.asyncDispose]();
  await rm(t.context.folder, { recursive: true, force: true });
});

/** In a shell, with the program as $0 and its root as $1. */
function shell({ strake }: { strake: Strake }, script: string, ...argv: string[]) {
  const program = new URL('../../bin/strake', import.meta.url).pathname;
  return runProgram(
    'bash',
    ['-c', `set -o pipefail; strake() { "$program" --root "$root" "$@"; }; ${script}`, ...argv],
    {
      env: { ...process.env, program, root: strake.root },
    },
  );
}

test.serial('save writes a file that is complete, and load says what it has loaded', async (t) => {
  const { strake, folder } = t.context;
  const file = join(folder, 'saved.tar');
  t.deepEqual(await strake.run(['save', '-o', file, 'busybox:1']), { code: 0, stdout: '', stderr: '' });
  t.is(statSync(file).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(folder), ['saved.tar']);
  await strake.run(['rmi', 'busybox:1']);
  const loaded = await strake.run(['load', '-i', file]);
  t.is(loaded.stdout, 'Loaded image: busybox:1\n');
  t.regex(loaded.stderr, /^[0-9a-f]{12}: loaded$/m);
  t.is((await strake.run(['run', '--rm', 'busybox:1', 'echo', 'works'])).stdout, 'works\n');
});

test.serial('save and load work through a pipe, packed as well, and quietly', async (t) => {
  const { stdout, stderr } = await shell(
    t.context,
    'strake save busybox:1 | gzip -1 | strake load -q && id=$(strake images -q busybox:1) && strake save "$id" | strake load -q',
  );
  t.is(stderr, '');
  t.regex(stdout, /^Loaded image: busybox:1\nLoaded image ID: sha256:[0-9a-f]{64}\n$/);
});

test.serial("a terminal gets no archive and gives none, in docker's words", async (t) => {
  const driver = (words: string) =>
    shell(t.context, `script -qec '"$program" --root "$root" ${words}' /dev/null`);
  for (const words of ['save busybox:1', 'export nothing'])
    t.regex(
      (await driver(words)).stdout,
      /cowardly refusing to save to a terminal\. Use the -o flag or redirect/,
    );
  t.regex((await driver('load')).stdout, /requested load from stdin, but stdin is empty/);
});

test.serial('what fails leaves no file, and says why', async (t) => {
  const { strake, folder } = t.context;
  const file = join(folder, 'failed.tar');
  const missing = await strake.run(['save', '-o', file, 'busybox:1', 'nothing:1']);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /there is no image nothing:1 here/);
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('failed')),
    [],
  );
  writeFileSync(file, 'no archive');
  const bad = await strake.run(['load', '-i', file]);
  t.is(bad.code, 1);
  t.regex(bad.stderr, /^strake: cannot read images from|^strake: .*failed\.tar: /);
});

test.serial('a layout in a folder takes several images', async (t) => {
  const { strake, folder } = t.context;
  await strake.run(['tag', 'busybox:1', 'other:2']);
  const layout = join(folder, 'layout');
  t.is((await strake.run(['save', '--format', 'oci-dir', '-o', layout, 'busybox:1', 'other:2'])).code, 0);
  t.is(
    (await mustRun('umoci', ['ls', '--layout', layout])).trim().split('\n').sort().join(),
    'busybox:1,other:2',
  );
  t.regex((await strake.run(['save', '--format', 'oci-dir', 'busybox:1'])).stderr, /needs a folder/);
});

test.serial(
  'a container is exported, imported as an image, and that one runs with its changes',
  async (t) => {
    const { strake } = t.context;
    await strake.run([
      'run',
      '--name',
      'exported',
      'busybox:1',
      'sh',
      '-c',
      'echo hello >/greeting; rm /etc/group',
    ]);
    const { stdout, stderr } = await shell(
      t.context,
      `strake export exported | strake import -m moved -c 'CMD cat /greeting; test -e /etc/group && echo group' - moved:1`,
    );
    t.is(stderr, '');
    t.regex(stdout, /^sha256:[0-9a-f]{64}\n$/);
    t.is((await strake.run(['run', '--rm', 'moved:1'])).stdout, 'hello\n');
    await strake.run(['rm', 'exported']);
  },
);

test.serial('a running container is exported without its volumes and /proc', async (t) => {
  const { strake, folder } = t.context;
  writeFileSync(join(folder, 'secret'), 'secret');
  await strake.run([
    'run',
    '-d',
    '--name',
    'running',
    '-v',
    `${folder}:/volume`,
    'busybox:1',
    'sleep',
    '1000',
  ]);
  const file = join(folder, 'running.tar');
  await strake.run(['export', '-o', file, 'running']);
  const names = (await mustRun('tar', ['-tf', file])).split('\n');
  t.true(names.includes('volume/') && names.includes('proc/') && names.includes('bin/busybox'));
  t.deepEqual(
    names.filter((name) => /^(proc|volume)\/./.test(name)),
    [],
  );
  t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(strake.root));
  await strake.run(['rm', '-f', 'running']);
  t.regex((await strake.run(['export', '-o', file, 'running'])).stderr, /running/);
  t.true(existsSync(file));
});

test.serial('a reader that goes away ends save and export silently', async (t) => {
  const { strake } = t.context;
  await strake.run(['create', '--name', 'cut', 'busybox:1']);
  for (const command of ['save busybox:1', 'export cut']) {
    const { stderr, code } = await shell(t.context, `strake ${command} | head -c 10 >/dev/null`);
    t.is(stderr, '');
    t.is(code, 141);
  }
  await strake.run(['rm', 'cut']);
});
