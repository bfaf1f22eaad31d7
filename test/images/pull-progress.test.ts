import test from 'ava';
import type { Image, PullProgress } from '../../lib/images/index.ts';
import { startPull } from '../../lib/images/pull-task.ts';
import { digestOf } from '../../lib/oci/index.ts';

const image = { id: digestOf('image') } as Image;

test('a pull can be awaited without reading its progress', async (t) => {
  t.is(await startPull(async () => image), image);
});

test('progress ends with the pull and is complete for a reader that keeps up', async (t) => {
  const task = startPull(async (report) => {
    for (const current of [1, 2, 3]) {
      report(layer(0, current));
      await turn();
    }
    report({ type: 'done', image, upToDate: false });
    return image;
  });
  const seen = await collect(task);
  t.deepEqual(seen.map(positionOf), [1, 2, 3, 'done']);
});

test('a reader that sleeps gets the latest state of each layer, and nothing piles up', async (t) => {
  let finish = () => {};
  const task = startPull(async (report) => {
    for (let current = 0; current < 100_000; current++) report(layer(current % 2, current));
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return image;
  });
  const reader = task[Symbol.asyncIterator]();
  t.is(positionOf((await reader.next()).value), 99_998);
  finish();
  await task;
  t.is(positionOf((await reader.next()).value), 99_999);
  t.true((await reader.next()).done);
});

test('progress can be read late, by several readers, and left early', async (t) => {
  const task = startPull(async (report) => {
    report(layer(0, 1));
    report({ type: 'warning', message: 'one' });
    report({ type: 'warning', message: 'two' });
    return image;
  });
  await task;
  for await (const _ of task) break;
  const [first, second] = await Promise.all([collect(task), collect(task)]);
  t.deepEqual(first.map(positionOf), [1, 'one', 'two']);
  t.deepEqual(second, first);
});

test('the iteration throws what the pull failed with, and nobody is obliged to handle it twice', async (t) => {
  const task = startPull(async (report) => {
    report(layer(0, 1));
    await turn();
    throw new Error('no');
  });
  const seen: PullProgress[] = [];
  await t.throwsAsync(
    async () => {
      for await (const step of task) seen.push(step);
    },
    { message: 'no' },
  );
  t.is(seen.length, 1);
  await t.throwsAsync(async () => await task, { message: 'no' });
});

function layer(index: number, current: number): PullProgress {
  return { type: 'layer', digest: digestOf(String(index)), index, status: 'downloading', current, total: 9 };
}

function positionOf(step: PullProgress | undefined): unknown {
  if (step?.type === 'layer') return step.current;
  return step?.type === 'warning' ? step.message : step?.type;
}

async function collect(task: AsyncIterable<PullProgress>): Promise<PullProgress[]> {
  const seen: PullProgress[] = [];
  for await (const step of task) seen.push(step);
  return seen;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
