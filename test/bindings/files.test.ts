import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { toEngineError } from '../../bindings/errors.ts';
import {
  bytesFreed,
  diskUsage,
  lockFile,
  removeTree,
  syncFileSystem,
  writeFileAtomic,
} from '../../bindings/files.ts';
import { EngineError } from '../../lib/errors/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const exclusive = { shared: false, wait: false };

test('an exclusive lock excludes others until it is released', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  const lock = await lockFile(path, exclusive);
  t.is(await lockFile(path, exclusive), null);
  t.is(await lockFile(path, { shared: true, wait: false }), null);
  lock?.release();
  lock?.release();
  const again = await lockFile(path, exclusive);
  t.truthy(again);
  again?.release();
  t.is(lstatSync(path).mode & 0o777, 0o600);
});

test('shared locks go together', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  const locks = await Promise.all([1, 2].map(() => lockFile(path, { shared: true, wait: false })));
  t.true(locks.every((lock) => lock !== null));
  t.is(await lockFile(path, exclusive), null);
  for (const lock of locks) lock?.release();
});

test('many waiters get the lock in turn and hold up nothing else', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'lock');
  const first = await lockFile(path, exclusive);
  let holders = 0;
  const waiters = Array.from({ length: 20 }, async () => {
    const lock = await lockFile(path, { shared: false, wait: true });
    t.is(++holders, 1);
    await delay(1);
    holders--;
    lock?.release();
  });
  await delay(20);
  await readFile(import.meta.filename);
  await writeFileAtomic(join(folder, 'file'), 'x', { mode: 0o600, durable: false });
  t.is(holders, 0);
  first?.release();
  await Promise.all(waiters);
});

test('a waiter follows the name when the holder unlinks the file', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  const first = await lockFile(path, exclusive);
  const waiting = lockFile(path, { shared: false, wait: true });
  await delay(20);
  rmSync(path);
  const other = await lockFile(path, exclusive);
  first?.release();
  await delay(20);
  other?.release();
  const lock = await waiting;
  t.is(await lockFile(path, exclusive), null);
  lock?.release();
});

test('a lock goes with the process that held it', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  const child = spawn('flock', ['--no-fork', path, 'sh', '-c', 'echo locked; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  t.is(await lockFile(path, exclusive), null);
  const waiting = lockFile(path, { shared: false, wait: true });
  child.kill('SIGKILL');
  (await waiting)?.release();
  t.pass();
});

test('writeFileAtomic replaces the file with its mode and leaves nothing beside it', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'file');
  await writeFileAtomic(path, 'old', { mode: 0o600, durable: false });
  await writeFileAtomic(path, Buffer.from([0, 255]), { mode: 0o644, durable: true });
  t.deepEqual(readFileSync(path), Buffer.from([0, 255]));
  t.is(lstatSync(path).mode & 0o777, 0o644);
  t.deepEqual(readdirSync(folder), ['file']);
});

test('writeFileAtomic that fails leaves the old file and nothing beside it', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'file/inside'), { recursive: true });
  await t.throwsAsync(writeFileAtomic(join(folder, 'file'), 'x', { mode: 0o600, durable: true }), {
    instanceOf: EngineError,
    code: 'ERR_SYSTEM',
  });
  t.deepEqual(readdirSync(folder), ['file']);
});

test('removeTree removes a tree, follows no link, and does not mind what is absent', async (t) => {
  const folder = temporaryFolder(t);
  const outside = join(folder, 'outside');
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, 'kept'), '');
  symlinkSync(outside, join(tree, 'a/link'));
  writeFileSync(join(tree, 'a/b/file'), '');
  await removeTree(tree);
  t.false(existsSync(tree));
  t.true(existsSync(join(outside, 'kept')));
  await removeTree(tree);
  symlinkSync(outside, tree);
  await removeTree(tree);
  t.true(existsSync(join(outside, 'kept')));
});

test('removeTree removes trees that are deeper than descriptors and PATH_MAX reach', async (t) => {
  const folder = temporaryFolder(t);
  // A shell's cd stops at PATH_MAX.
  const nest = 'import os\nfor i in range(3000): os.mkdir("dd"); os.chdir("dd")';
  execFileSync('python3', ['-c', nest], { cwd: folder });
  t.is((await diskUsage(join(folder, 'dd'))).inodes, 3000);
  await removeTree(join(folder, 'dd'));
  t.deepEqual(readdirSync(folder), []);
});

test('what removeTree has removed is given back to the file system, large files too', async (t) => {
  const folder = temporaryFolder(t);
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  for (const name of ['a', 'b']) writeFileSync(join(tree, name), Buffer.alloc(8 << 20, 1));
  await removeTree(tree);
  t.false(existsSync(tree));
  await bytesFreed();
  t.deepEqual(
    readdirSync('/proc/self/fd')
      .map((fd) => readLink(`/proc/self/fd/${fd}`))
      .filter((path) => path.startsWith(folder)),
    [],
  );
});

/** "" when it is gone, as the descriptor that reads the directory. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

test('diskUsage counts blocks and inodes, a file with two names once', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'a'), Buffer.alloc(100_000, 1));
  linkSync(join(folder, 'a'), join(folder, 'b'));
  mkdirSync(join(folder, 'd'));
  const [blocks] = execFileSync('du', ['-s', '--block-size=512', folder], { encoding: 'utf8' }).split('\t');
  t.deepEqual(await diskUsage(folder), { bytes: Number(blocks) * 512, inodes: 3 });
  await t.throwsAsync(diskUsage(join(folder, 'absent')), { code: 'ERR_SYSTEM' });
});

test('syncFileSystem takes a directory', async (t) => {
  await t.notThrowsAsync(syncFileSystem(temporaryFolder(t)));
});

test('system errors that a person can act on have codes of their own', (t) => {
  const failed = (code: string) =>
    toEngineError(
      Object.assign(new Error(`write /x: ${code}`), { code, errno: -1, syscall: 'write', path: '/x' }),
    );
  t.like(failed('ENOSPC'), {
    code: 'ERR_NO_SPACE',
    kind: 'exhausted',
    details: { errno: 'ENOSPC', path: '/x' },
  });
  t.like(failed('EACCES'), { code: 'ERR_PERMISSION', kind: 'forbidden' });
  t.like(failed('EIO'), { code: 'ERR_SYSTEM' });
  t.like(toEngineError(Object.assign(new Error('x'), { code: 'ERR_LAYER_CORRUPT' })), { kind: 'corrupt' });
  const other = new TypeError('argument 1 must be a string');
  t.is(toEngineError(other), other);
});
