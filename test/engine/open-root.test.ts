import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openRoot, runDirectoryOf } from '../../lib/engine/open-root.ts';

async function temporary(t: { teardown(step: () => unknown): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'strake-root-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('a new root gets its layout version, and all below it is for root only', async (t) => {
  const root = join(await temporary(t), 'a/b');
  t.deepEqual(openRoot({ root }, {}), { root, runDir: `${root}/run` });
  t.is(await readFile(join(root, 'version'), 'utf8'), '1\n');
  t.is((await stat(root)).mode & 0o777, 0o700);
  t.is((await stat(`${root}/run`)).mode & 0o777, 0o700);
});

test('a directory that others could enter is closed to them when it becomes a root', async (t) => {
  const root = await temporary(t);
  await chmod(root, 0o777);
  openRoot({ root }, {});
  t.is((await stat(root)).mode & 0o777, 0o700);
});

test('STRAKE_ROOT names the root when the caller does not', async (t) => {
  const directory = await temporary(t);
  t.is(openRoot({}, { STRAKE_ROOT: `${directory}/env` }).root, `${directory}/env`);
  t.is(openRoot({ root: `${directory}/own` }, { STRAKE_ROOT: `${directory}/env` }).root, `${directory}/own`);
});

test('the root is named by its real path, so that it can be hidden', async (t) => {
  const directory = await temporary(t);
  await mkdir(join(directory, 'real'));
  await symlink('real', join(directory, 'link'));
  t.is(openRoot({ root: `${directory}/link` }, {}).root, `${directory}/real`);
});

test('the default root has one run directory, however it is written', (t) => {
  t.is(runDirectoryOf('/var/lib/strake', '/mnt/big'), '/run/strake');
  t.is(runDirectoryOf('/var/lib//strake/', '/mnt/big'), '/run/strake');
  t.is(runDirectoryOf('/link', '/var/lib/strake'), '/run/strake');
  t.is(runDirectoryOf('/mnt/big', '/mnt/big'), '/mnt/big/run');
});

test('a root of another layout is refused', async (t) => {
  const root = await temporary(t);
  await writeFile(join(root, 'version'), '99\n');
  t.throws(() => openRoot({ root }, {}), { code: 'ERR_ROOT_INVALID', message: /layout 99/ });
});

test('a directory of somebody else is not taken over', async (t) => {
  const root = await temporary(t);
  await writeFile(join(root, 'letter.txt'), '');
  t.throws(() => openRoot({ root }, {}), { code: 'ERR_ROOT_INVALID', message: /not empty \(letter\.txt\)/ });
});

test('a relative path, a file, and a directory of another user are refused', async (t) => {
  const directory = await temporary(t);
  t.throws(() => openRoot({ root: 'some/where' }, {}), { code: 'ERR_ROOT_INVALID', message: /absolute/ });
  await writeFile(join(directory, 'file'), '');
  t.throws(() => openRoot({ root: join(directory, 'file') }, {}), { code: 'ERR_ROOT_INVALID' });
  const { chown } = await import('node:fs/promises');
  await mkdir(join(directory, 'other'));
  await chown(join(directory, 'other'), 1000, 1000);
  t.throws(() => openRoot({ root: join(directory, 'other') }, {}), {
    code: 'ERR_ROOT_INVALID',
    message: /user 1000/,
  });
});

test('opened twice it is the same', async (t) => {
  const root = join(await temporary(t), 'root');
  const first = openRoot({ root }, {});
  await chmod(root, 0o700);
  t.deepEqual(openRoot({ root }, {}), first);
});
