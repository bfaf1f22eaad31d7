import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { ContainerOptions } from '../../lib/containers/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

async function make({ engine, image }: EngineFixture, line: string, options: ContainerOptions = {}) {
  return await engine.containers.create(image, {
    argv: ['sh', '-c', line],
    stdin: true,
    stopTimeout: 0,
    ...options,
  });
}

test.serial('not-running: at once of one that has ended, and of one that runs its end', async (t) => {
  const container = await make(t.context, 'sleep 0.2; exit 3');
  await container.start();
  t.like(await container.wait(), { exitCode: 3 });
  t.like(await container.wait({ condition: 'not-running' }), { exitCode: 3 });
  await container.remove();
});

test.serial('next-exit: not the end that has been, but the next one', async (t) => {
  const container = await make(t.context, 'exit 4');
  await container.start();
  const { finishedAt } = await container.wait();
  const next = container.wait({ condition: 'next-exit' });
  await t.throwsAsync(container.wait({ condition: 'next-exit', signal: AbortSignal.timeout(200) }), {
    code: 'ERR_ABORTED',
  });
  await container.start();
  t.true((await next).finishedAt > finishedAt);
  await container.remove();
});

test.serial(
  'with a restart policy next-exit is each end, and not-running the one after which it stays ended',
  async (t) => {
    const container = await make(t.context, 'exit 5', {
      restart: { policy: 'on-failure', maximumRetries: 2 },
    });
    const next = container.wait({ condition: 'next-exit' });
    const last = container.wait();
    await container.start();
    const [first, end] = await Promise.all([next, last]);
    t.is(first.exitCode, 5);
    t.is(end.restarts, 2);
    t.true(first.finishedAt < end.finishedAt);
    await container.remove();
  },
);

test.serial('removed: of one that removes itself, and of one that somebody removes', async (t) => {
  const own = await make(t.context, 'exit 6', { autoRemove: true });
  const ofOwn = own.wait({ condition: 'removed' });
  await own.start();
  t.like(await ofOwn, { exitCode: 6 });
  await t.throwsAsync(t.context.engine.containers.get(own.id), { code: 'ERR_CONTAINER_NOT_FOUND' });
  const other = await make(t.context, 'exit 7');
  let isRemoved = false;
  const ofOther = other.wait({ condition: 'removed' }).finally(() => {
    isRemoved = true;
  });
  await other.start();
  await other.wait();
  await sleep(200);
  t.false(isRemoved);
  await other.remove();
  t.like(await ofOther, { exitCode: 7 });
});

test.serial('one that removes itself is stopped, however fast it is gone', async (t) => {
  const stops = Array.from({ length: 12 }, async () => {
    const container = await make(t.context, 'sleep 100', { autoRemove: true });
    await container.start();
    const ended = container.wait();
    await container.stop({ timeout: 1 });
    t.like(await ended, { exitCode: 137 });
  });
  await t.notThrowsAsync(Promise.all(stops));
});

test.serial('a wait that begins while it removes itself, or after that, knows how it ended', async (t) => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const container = await make(t.context, 'sleep 100', { autoRemove: true });
    await container.start();
    await container.kill();
    t.like(await container.wait(), { exitCode: 137 }, `attempt ${attempt}`);
  }
});

test.serial(
  'of one that is gone not-running and removed are its last end, and next-exit is an error',
  async (t) => {
    const container = await make(t.context, 'exit 8', { autoRemove: true });
    await container.start();
    await container.wait({ condition: 'removed' });
    t.like(await container.wait(), { exitCode: 8 });
    t.like(await container.wait({ condition: 'removed' }), { exitCode: 8 });
    await t.throwsAsync(container.wait({ condition: 'next-exit' }), { code: 'ERR_CONTAINER_NOT_FOUND' });
  },
);

test.serial('removed: the last of several ends, and 0 of one that never ran, as docker', async (t) => {
  const container = await make(t.context, '[ -e /again ] && exit 9; touch /again; sleep 100');
  const removed = container.wait({ condition: 'removed' });
  await container.start();
  await container.run(['sh', '-c', 'until [ -e /again ]; do sleep 0.01; done']);
  await container.kill();
  t.like(await container.wait(), { exitCode: 137, signal: 'SIGKILL' });
  await container.start();
  t.like(await container.wait(), { exitCode: 9 });
  await container.remove();
  t.like(await removed, { exitCode: 9 });
  const idle = await make(t.context, 'exit 1');
  const ofIdle = idle.wait({ condition: 'removed' });
  await idle.remove();
  t.like(await ofIdle, { exitCode: 0, startedAt: '0001-01-01T00:00:00Z' });
});

test.serial('one that a policy restarts is waited for until somebody removes it', async (t) => {
  const container = await make(t.context, 'sleep 100', { restart: { policy: 'always', maximumRetries: 0 } });
  await container.start();
  const ended = container.wait();
  await container.remove({ force: true });
  t.like(await ended, { exitCode: 137 });
});

test.serial('several clients are attached at once: each sees all, any of them may write', async (t) => {
  const container = await make(t.context, 'while read -r line; do echo "got $line"; done', { tty: false });
  await container.start();
  const clients = await Promise.all([1, 2, 3].map(() => container.attach()));
  const seen = clients.map(() => '');
  clients.forEach((client, n) => {
    client.stdout.on('data', (chunk: Buffer) => {
      seen[n] += chunk.toString();
    });
  });
  for (const [n, client] of clients.entries()) client.stdin.write(`${n}\n`);
  for (let attempt = 0; attempt < 200 && !seen.every((text) => text.split('\n').length === 4); attempt++)
    await sleep(20);
  for (const text of seen) t.deepEqual(text.trim().split('\n').sort(), ['got 0', 'got 1', 'got 2']);
  clients[0]?.detach();
  await t.throwsAsync(clients[0]?.exited ?? Promise.resolve(), { code: 'ERR_ABORTED' });
  clients[1]?.stdin.write('on\n');
  for (let attempt = 0; attempt < 200 && !seen[2]?.endsWith('got on\n'); attempt++) await sleep(20);
  t.true(seen[2]?.endsWith('got on\n'));
  await container.remove({ force: true });
  for (const client of clients.slice(1)) t.like(await client.exited, { exitCode: 137 });
});

test.serial('resize, top, copies, exports and prunes are told of', async (t) => {
  const { engine } = t.context;
  const told: string[] = [];
  const stop = new AbortController();
  const events = (async () => {
    for await (const { type, action, attributes } of engine.events({ signal: stop.signal }))
      if (type === 'container')
        told.push(action === 'resize' ? `resize ${attributes.height}x${attributes.width}` : action);
  })().catch(() => undefined);
  const container = await make(t.context, 'sleep 60', { tty: true });
  await container.start();
  const attachment = await container.attach();
  attachment.exited.catch(() => undefined);
  attachment.resize(40, 100);
  t.is((await container.run(['sh', '-c', 'ls -l /proc/1/fd/0 | wc -l'])).exitCode, 0);
  attachment.detach();
  await container.top();
  for await (const _ of container.copyOut('/bin/sh'));
  for await (const _ of container.export());
  await container.kill();
  await container.wait();
  await engine.containers.prune();
  for (let attempt = 0; attempt < 100 && !told.includes('prune'); attempt++) await sleep(20);
  stop.abort();
  await events;
  for (const action of [
    'attach',
    'resize 40x100',
    'detach',
    'top',
    'archive-path',
    'export',
    'kill',
    'die',
    'destroy',
    'prune',
  ])
    t.true(told.includes(action), `${action} of ${told.join(' ')}`);
});
