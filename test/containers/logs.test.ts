import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { Container, ContainerOptions } from '../../lib/containers/index.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
  // What is opened once is no leak.
  const warm = await ran(t.context, 'true', {});
  t.deepEqual(await textOf(warm, { follow: true }), []);
  await warm.remove();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

async function ran(
  { engine, image }: EngineFixture,
  line: string,
  options: ContainerOptions,
): Promise<Container> {
  const container = await engine.containers.create(image, { argv: ['sh', '-c', line], ...options });
  await container.start();
  await container.wait();
  return container;
}

async function textOf(
  container: Container,
  options: Parameters<Container['logs']>[0] = {},
): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of container.logs(options)) texts.push(text);
  return texts;
}

const filesOf = async (container: Container) => {
  const { logPath } = await container.inspect();
  const names = await readdir(dirname(logPath ?? ''));
  return names.filter((name) => name.startsWith('container.log')).sort();
};

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => `${from + n}\n`);

for (const [title, log] of [
  ['json-file', { driver: 'json-file', maxSize: '8k', maxFile: 4 }],
  ['json-file, packed', { driver: 'json-file', maxSize: '8k', maxFile: 4, compress: true }],
  ['local', { driver: 'local', maxSize: '8k', maxFile: 4 }],
] as const) {
  test.serial(`${title}: rotated files are read as one, and tail reaches back into them`, async (t) => {
    await using _leaks = await watchLeaks(t, t.context.engine);
    const container = await ran(t.context, 'seq 1 5000', { log });
    const all = await textOf(container);
    const first = Number(all[0]);
    t.true(first > 1, 'the oldest are gone');
    t.deepEqual(all, numbers(first, 5000));
    for (const tail of [0, 1, 3, 500, 5000])
      t.deepEqual(await textOf(container, { tail }), all.slice(all.length - Math.min(tail, all.length)));
    const packed = 'compress' in log || log.driver === 'local' ? '.gz' : '';
    t.deepEqual(await filesOf(container), [
      'container.log',
      ...[1, 2, 3].map((n) => `container.log.${n}${packed}`),
    ]);
    await container.remove();
  });

  test.serial(`${title}: who follows sees each line once across rotations`, async (t) => {
    await using _leaks = await watchLeaks(t, t.context.engine);
    const line = 'for i in $(seq 1 40); do seq $((i*50-49)) $((i*50)); sleep 0.02; done';
    const container = await t.context.engine.containers.create(t.context.image, {
      argv: ['sh', '-c', line],
      log: { ...log, maxFile: 40 }, // all of it: who follows slowly must lose nothing here
    });
    await container.start();
    t.deepEqual(await textOf(container, { follow: true }), numbers(1, 2000));
    await container.remove();
  });
}

test.serial('local keeps long lines, both streams, and lines that are not ended', async (t) => {
  const line = 'head -c 20000 /dev/zero | tr "\\0" x; echo; echo err >&2; printf end';
  const { engine, image } = t.context;
  const container = await ran(
    { ...t.context, engine, image },
    line.replace(/head.*?x;/, 'i=0; while [ $i -lt 2000 ]; do printf 0123456789; i=$((i+1)); done;'),
    {
      log: { driver: 'local' },
    },
  );
  const entries: [string, string][] = [];
  for await (const { stream, text } of container.logs()) entries.push([stream, text]);
  t.is(
    entries
      .filter(([stream]) => stream === 'stdout')
      .map(([, text]) => text)
      .join(''),
    `${'0123456789'.repeat(2000)}\nend`,
  );
  t.deepEqual(
    entries.filter(([stream]) => stream === 'stderr'),
    [['stderr', 'err\n']],
  );
  await container.remove();
});

test.serial('since and until take a part; of a packed log, too', async (t) => {
  const container = await ran(t.context, 'echo one; sleep 0.3; echo two; sleep 0.3; echo three', {
    log: { driver: 'local' },
  });
  const times: string[] = [];
  for await (const { time } of container.logs()) times.push(time);
  t.deepEqual(await textOf(container, { since: times[1] ?? '' }), ['two\n', 'three\n']);
  t.deepEqual(await textOf(container, { until: times[1] ?? '' }), ['one\n', 'two\n']);
  t.deepEqual(await textOf(container, { since: times[1] ?? '', until: times[1] ?? '' }), ['two\n']);
  await container.remove();
});

test.serial('details are the labels and variables that the log options name', async (t) => {
  const container = await ran(t.context, 'echo line', {
    labels: { 'com.a': '1', 'com.b': '2', other: '3' },
    env: { APP: 'x', SECRET: 'y' },
    name: 'detailed',
    log: { details: { labels: ['other'], labelsRegex: '^com\\.a', env: ['APP'], tag: '{{.Name}}' } },
  });
  for await (const { details } of container.logs({ details: true }))
    t.deepEqual(details, { 'com.a': '1', other: '3', APP: 'x', tag: 'detailed' });
  for await (const entry of container.logs()) t.false('details' in entry);
  await container.remove();
});

test.serial("a container without a log says so, in docker's words", async (t) => {
  const container = await ran(t.context, 'echo line', { log: { driver: 'none' } });
  await t.throwsAsync(textOf(container), {
    code: 'ERR_LOG_NOT_READABLE',
    message: /configured logging driver does not support reading/,
  });
  await container.remove();
});

test.serial(
  'a client that is attached and does not read is dropped; the container and others go on',
  async (t) => {
    const { engine, image } = t.context;
    await using _leaks = await watchLeaks(t, engine);
    const line = 'read _; i=0; while [ $i -lt 400 ]; do seq 1 2000; i=$((i+1)); done; echo done; sleep 60';
    const created = await engine.containers.create(image, {
      argv: ['sh', '-c', line],
      stdin: true,
      log: { maxSize: '16m' },
    });
    await using container = await created.start();
    const slow = await container.attach({ stdin: false });
    const fast = await container.attach();
    slow.stdout.pause();
    let last = '';
    fast.stdout.on('data', (chunk: Buffer) => {
      last = (last + chunk.toString()).slice(-100);
    });
    const dropped = t.throwsAsync(slow.exited, {
      code: 'ERR_ATTACH_LAGGED',
      message: /more than 1 MiB behind/,
    });
    fast.stdin.write('\n');
    for (let attempt = 0; attempt < 400 && !last.endsWith('done\n'); attempt++) await sleep(50);
    t.true(last.endsWith('done\n'), last);
    slow.stdout.resume();
    slow.stderr.resume();
    await dropped;
    fast.detach();
    await fast.exited.catch(() => undefined);
  },
);

test.serial('a kill for want of memory is told at once, while the container runs on', async (t) => {
  const { engine, image } = t.context;
  const told: string[] = [];
  const stop = new AbortController();
  const events = (async () => {
    for await (const { type, action } of engine.events({ signal: stop.signal }))
      if (type === 'container') told.push(action);
  })().catch(() => undefined);
  const line = 'trap "" TERM; ( exec sh -c \'a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done\' ); sleep 60';
  const created = await engine.containers.create(image, {
    argv: ['sh', '-c', line],
    limits: { memory: '16m', memorySwap: '16m' },
  });
  await using container = await created.start();
  for (let attempt = 0; attempt < 200 && !told.includes('oom'); attempt++) await sleep(50);
  t.true(told.includes('oom'));
  t.is((await container.inspect()).state.status, 'running');
  await container.kill();
  await container.wait();
  await sleep(200);
  t.is(told.filter((action) => action === 'oom').length, 1, told.join(' '));
  stop.abort();
  await events;
});
