import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createScratch, livingScratches, sweepScratches, waitForLock } from '../../lib/scratch/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

test('a scratch goes with its disposal, contents and lock', async (t) => {
  const folder = temporaryFolder(t);
  {
    await using scratch = await createScratch(folder);
    writeFileSync(join(scratch.path, 'file'), 'x');
    t.deepEqual(await livingScratches(folder), [scratch.path]);
  }
  t.deepEqual(readdirSync(folder), []);
});

test('what was renamed out of a scratch, or the scratch itself, stays', async (t) => {
  const folder = temporaryFolder(t);
  {
    await using scratch = await createScratch(join(folder, 'ingest'));
    renameSync(scratch.path, join(folder, 'kept'));
  }
  t.true(existsSync(join(folder, 'kept')));
  t.deepEqual(readdirSync(join(folder, 'ingest')), []);
});

test('a sweep leaves what a living process makes and removes what a killed one made', async (t) => {
  const folder = temporaryFolder(t);
  await using mine = await createScratch(folder);
  const child = await scratchInChild(folder);
  t.is((await livingScratches(folder)).length, 2);
  await sweepScratches(folder);
  t.is((await livingScratches(folder)).length, 2);
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.deepEqual(await livingScratches(folder), [mine.path]);
  t.is(readdirSync(folder).length, 4);
  await sweepScratches(folder);
  t.deepEqual(
    readdirSync(folder).map((name) => join(folder, name)),
    [mine.path, `${mine.path}.lock`],
  );
});

test('creating and sweeping at the same time loses nothing', async (t) => {
  const folder = temporaryFolder(t);
  const makers = Array.from({ length: 20 }, async () => {
    await using scratch = await createScratch(folder);
    writeFileSync(join(scratch.path, 'file'), 'x');
    await sweepScratches(folder);
    return existsSync(join(scratch.path, 'file'));
  });
  t.true((await Promise.all(makers)).every(Boolean));
  t.deepEqual(readdirSync(folder), []);
});

test('a wait for a lock ends with the lock, and says once that it waits', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  const first = await waitForLock(path);
  let waits = 0;
  const second = waitForLock(path, {
    onWait: () => {
      waits += 1;
      setTimeout(() => first.release(), 60);
    },
  });
  (await second).release();
  t.is(waits, 1);
});

test('a wait for a lock ends with its signal', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  const lock = await waitForLock(path);
  await t.throwsAsync(waitForLock(path, { signal: AbortSignal.timeout(30) }));
  lock.release();
});

async function scratchInChild(folder: string) {
  const source = `
    import { createScratch } from ${JSON.stringify(new URL('../../lib/scratch/index.ts', import.meta.url).href)};
    await createScratch(${JSON.stringify(folder)});
    console.log('made');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}
