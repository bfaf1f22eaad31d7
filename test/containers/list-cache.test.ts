import { spawnSync } from 'node:child_process';
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { ContainerRecord } from '../../lib/containers/record.ts';
import { RecordCache } from '../../lib/containers/record-cache.ts';
import { openEngine } from '../../lib/engine/index.ts';
import { openEngineFixture } from './engine-fixture.ts';

/** Until its record is old enough to be kept, and is: from then on a list that did not look at the file would tell of the past. */
async function listedOften(list: () => Promise<unknown>): Promise<void> {
  await sleep(150);
  for (let times = 0; times < 3; times++) await list();
}

test('what another engine does to a container is in the very next list', async (t) => {
  await using fixture = await openEngineFixture();
  const { containers } = fixture.engine;
  const other = await openEngine({ root: join(fixture.directory, 'root') });
  const list = () => containers.list({ all: true });
  const { id } = await containers.create(fixture.image, { argv: ['sleep', '100'], network: 'none' });
  const only = async () => (await list()).find((one) => one.id === id);

  await listedOften(list);
  await other.containers.rename(id, 'renamed');
  t.is((await only())?.name, 'renamed');
  t.is((await containers.get('renamed')).id, id);

  await listedOften(list);
  await other.containers.update(id, { limits: { pids: 77 } });
  t.is((await only())?.limits.pids, 77);

  await listedOften(list);
  await other.containers.start(id);
  const running = await only();
  t.is(running?.state.status, 'running');

  await listedOften(list);
  await other.containers.pause(id);
  t.is((await only())?.state.status, 'paused');
  await other.containers.unpause(id);
  t.is((await only())?.state.status, 'running');
  await other.containers.stop(id, { timeout: 0 });
  t.is((await only())?.state.status, 'exited');

  await listedOften(list);
  await other.containers.remove(id);
  t.deepEqual(await list(), []);
});

test('a killed monitor is seen by the very next list', async (t) => {
  await using fixture = await openEngineFixture();
  const { containers } = fixture.engine;
  const { id } = await containers.create(fixture.image, { argv: ['sleep', '100'], network: 'none' });
  await containers.start(id);
  const list = () => containers.list({ all: true });
  await listedOften(list);
  const state = join(fixture.directory, 'root/run/containers', id, 'state.json');
  const { monitorPid } = JSON.parse(spawnSync('cat', [state], { encoding: 'utf8' }).stdout);
  process.kill(monitorPid, 'SIGKILL');
  while (isRunning(monitorPid)) await sleep(5);
  const [seen] = await list();
  t.like(seen?.state, { status: 'exited', exitCode: 137 });
});

/** A zombie has let go of its locks. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' });
  return stdout !== '' && !/\) [ZX] /.test(stdout);
}

test('a listed container cannot be changed through what was listed', async (t) => {
  await using fixture = await openEngineFixture();
  const { containers } = fixture.engine;
  await containers.create(fixture.image, { argv: ['true'], network: 'none' });
  const list = () => containers.list({ all: true });
  await listedOften(list);
  const [seen] = await list();
  t.throws(() => Object.assign(seen?.limits ?? {}, { pids: 5 }), { instanceOf: TypeError });
});

async function withFile(use: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp('/dev/shm/strake-records-');
  try {
    await use(join(folder, 'record.json'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a record is parsed again only when its file is another one, and forgotten with it', async (t) => {
  await withFile(async (path) => {
    let parsed = 0;
    const cache = new RecordCache(() => ({ id: String(++parsed) }) as ContainerRecord);
    writeFileSync(path, 'one');
    await sleep(150);
    const reads = [1, 2, 3, 4].map(() => cache.read(path)?.id);
    t.deepEqual(reads, ['1', '2', '2', '2']);
    t.true(cache.has(path));
    const { atime, mtime } = statSync(path);
    writeFileSync(`${path}.new`, 'two');
    utimesSync(`${path}.new`, atime, mtime);
    await rename(`${path}.new`, path);
    t.false(cache.has(path));
    t.is(cache.read(path)?.id, '3');
    await sleep(150);
    const again = [1, 2, 3].map(() => cache.read(path)?.id);
    t.false(again.includes('2'));
    t.is(again[1], again[2]);
    cache.retain(new Set());
    t.false(cache.has(path));
  });
});

test('a record is not kept while its file is so new that another one could look the same', async (t) => {
  await withFile(async (path) => {
    let parsed = 0;
    const cache = new RecordCache(() => ({ id: String(++parsed) }) as ContainerRecord);
    for (let times = 0; times < 20; times++) {
      writeFileSync(path, String(times % 10));
      t.is(cache.read(path)?.id, String(times + 1));
      t.false(cache.has(path));
    }
  });
});
