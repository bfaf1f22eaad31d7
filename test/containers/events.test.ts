import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { type EngineEvent, openEngine } from '../../lib/engine/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture & { since: Date; seen(): Promise<string[]> }>;

test.beforeEach(async (t) => {
  const fixture = await openEngineFixture();
  const since = new Date();
  t.context = {
    ...fixture,
    since,
    seen: async () => (await eventsOf(fixture, since)).map(({ action }) => action),
  };
});
test.afterEach.always((t) => t.context[Symbol.asyncDispose]());

async function eventsOf({ engine }: EngineFixture, since: Date): Promise<EngineEvent[]> {
  const events = [];
  for await (const event of engine.events({ since, until: new Date() })) events.push(event);
  return events;
}

test.serial('run tells of creation, start, end and removal, in this order', async (t) => {
  const { engine, image, since } = t.context;
  await engine.run(image, ['sh', '-c', 'exit 3'], { name: 'short', labels: { who: 'me' } });
  const events = await eventsOf(t.context, since);
  t.deepEqual(
    events.map(({ action }) => action),
    ['create', 'start', 'die', 'destroy'],
  );
  t.is(new Set(events.map(({ id }) => id)).size, 1);
  for (const { attributes } of events) t.like(attributes, { name: 'short', image, who: 'me' });
  t.is(events[2]?.attributes.exitCode, '3');
  t.deepEqual(
    [...events].sort((left, right) => (left.time < right.time ? -1 : 1)),
    events,
  );
});

test.serial('every verb tells, and the new name is in what comes after a rename', async (t) => {
  const { engine, image, since, seen } = t.context;
  const container = await engine.containers.create(image, {
    argv: ['sleep', '100'],
    name: 'old',
    stopTimeout: 0,
  });
  await container.start();
  await container.pause();
  await container.unpause();
  await container.rename('new');
  await container.update({ limits: { pids: 50 } });
  await engine.containers.restart('new');
  await engine.containers.kill('new');
  await engine.containers.wait('new');
  await engine.containers.remove('new');
  t.deepEqual(await seen(), [
    ...['create', 'start', 'pause', 'unpause', 'rename', 'update'],
    ...['kill', 'kill', 'die', 'stop', 'start', 'restart', 'kill', 'die', 'destroy'],
  ]);
  const events = await eventsOf(t.context, since);
  t.is(events.find(({ action }) => action === 'die')?.attributes.name, 'new');
  t.is(events.find(({ action }) => action === 'rename')?.attributes.oldName, 'old');
  t.is(events.findLast(({ action }) => action === 'kill')?.attributes.signal, '9');
});

test.serial('a killed monitor is told of once, when it is met', async (t) => {
  const { engine, image, seen } = t.context;
  const container = await engine.containers.create(image, { argv: ['sleep', '100'] });
  await container.start();
  const state = join(engine.runDir, 'containers', container.id, 'state.json');
  process.kill(JSON.parse(readFileSync(state, 'utf8')).monitorPid, 'SIGKILL');
  await container.wait();
  await container.inspect();
  t.deepEqual(await seen(), ['create', 'start', 'die']);
});

test.serial('restarts by policy and health are told with no program of ours alive', async (t) => {
  const { engine, image } = t.context;
  const follower = await openEngine({ root: engine.root });
  const seen: string[] = [];
  const following = (async () => {
    for await (const { action } of follower.events({ filters: { type: ['container'] } })) {
      seen.push(action);
      if (seen.length === 8) return;
    }
  })();
  const container = await engine.containers.create(image, {
    argv: ['sh', '-c', 'sleep 0.4; exit 1'],
    restart: { policy: 'on-failure', maximumRetries: 1 },
    health: { test: ['true'], interval: 100 },
  });
  await container.start();
  await container.wait();
  await container.remove();
  await following;
  const run = ['start', 'health_status: healthy', 'die'];
  t.deepEqual(seen, ['create', ...run, ...run, 'destroy']);
});

test.serial('a detach from an exec is told of, unless nothing of it was attached', async (t) => {
  const { engine, image, since } = t.context;
  const container = await engine.containers.create(image, { argv: ['sleep', '100'] });
  await container.start();
  const left = await container.exec(['sleep', '100']);
  left.detach();
  await t.throwsAsync(left.wait(), { code: 'ERR_ABORTED' });
  const background = await container.exec(['sleep', '100'], { attach: false });
  background.detach();
  await t.throwsAsync(background.wait(), { code: 'ERR_ABORTED' });
  const detached = (await eventsOf(t.context, since)).filter(({ action }) => action === 'exec_detach');
  t.deepEqual(
    detached.map(({ attributes }) => attributes.execID),
    [left.id],
  );
  await container.remove({ force: true });
});

test.serial('volumes are told of', async (t) => {
  const { engine, image, since } = t.context;
  await engine.run(image, ['true'], { mounts: [{ type: 'volume', name: 'data', target: '/data' }] });
  const events = await eventsOf(t.context, since);
  t.deepEqual(
    events.filter(({ type }) => type === 'volume').map(({ action, id }) => [action, id]),
    [
      ['create', 'data'],
      ['mount', 'data'],
      ['unmount', 'data'],
    ],
  );
  const { attributes } = events.find(({ action }) => action === 'unmount') ?? {};
  t.like(attributes, { destination: '/data', driver: 'local', 'read/write': 'true' });
});

test.serial('the volumes of a container that was renamed while it ran are told of at its end', async (t) => {
  const { engine, image, since } = t.context;
  const container = await engine.containers.create(image, {
    argv: ['sleep', '100'],
    mounts: [{ type: 'volume', name: 'data', target: '/data' }],
  });
  await container.start();
  await container.rename('renamed');
  await container.stop({ timeout: 0 });
  const told = (await eventsOf(t.context, since)).filter(({ type }) => type === 'volume');
  t.deepEqual(
    told.map(({ action }) => action),
    ['create', 'mount', 'unmount'],
  );
  await container.remove();
});

test.serial('what only a start sets is no update', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, { argv: ['true'] });
  const refused = { code: 'ERR_CONTAINER_OPTION_INVALID', message: /it is set at a start/ };
  for (const limits of [{ shmSize: '1m' }, { deviceReadBps: { '/dev/null': '1m' } }])
    await t.throwsAsync(container.update({ limits }), refused);
  await container.remove();
});
