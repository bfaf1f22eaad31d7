import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { healthDescription } from '../../lib/containers/health.ts';
import type {
  Container,
  ContainerHealth,
  ContainerOptions,
  HealthOption,
} from '../../lib/containers/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());
test.afterEach.always(async (t) => {
  const { engine } = t.context;
  for (const { id } of await engine.containers.list({ all: true }))
    await engine.containers.remove(id, { force: true });
  t.deepEqual(await t.context.leftovers(), []);
});

async function start(
  { engine, image }: EngineFixture,
  health: HealthOption,
  options: ContainerOptions = {},
): Promise<Container> {
  const container = await engine.containers.create(image, {
    argv: ['sleep', '100'],
    stopTimeout: 1,
    health: { interval: 50, ...health },
    ...options,
  });
  await container.start();
  return container;
}

async function untilHealth(
  container: Container,
  look: (health: ContainerHealth) => boolean,
): Promise<ContainerHealth> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const { health } = await container.inspect();
    if (health !== null && look(health)) return health;
    await sleep(25);
  }
  throw new Error('what was waited for did not come');
}

test.serial(
  'what a check says is told with its output: healthy, then unhealthy, then healthy again',
  async (t) => {
    const container = await start(t.context, { test: 'echo asked; [ ! -e /tmp/broken ]', retries: 2 });
    t.not((await container.inspect()).health, null, 'from the start on');
    const healthy = await untilHealth(container, ({ status }) => status === 'healthy');
    t.like(healthy.log.at(-1), { exitCode: 0, output: 'asked\n' });
    await container.run(['touch', '/tmp/broken']);
    const unhealthy = await untilHealth(container, ({ status }) => status === 'unhealthy');
    t.true(unhealthy.failingStreak >= 2);
    t.is(unhealthy.log.at(-1)?.exitCode, 1);
    await untilHealth(container, ({ log }) => log.length === 5);
    await container.run(['sh', '-c', 'echo >/dev/null; exec /bin/busybox rm /tmp/broken']);
    await untilHealth(container, ({ status }) => status === 'healthy');
  },
);

test.serial('a check that takes too long is killed, and one that is not there has failed', async (t) => {
  const slow = await start(t.context, { test: ['sleep', '50'], timeout: 60, retries: 1 });
  const { log } = await untilHealth(slow, ({ status }) => status === 'unhealthy');
  t.like(log.at(-1), { exitCode: -1 });
  t.regex(log.at(-1)?.output ?? '', /took longer than 60 ms and was killed/);
  t.is((await slow.top(['-o', 'pid'])).rows.length, 1, 'nothing of it is left');
  const absent = await start(t.context, { test: ['/no/such'], retries: 1 });
  const told = await untilHealth(absent, ({ status }) => status === 'unhealthy');
  t.regex(told.log.at(-1)?.output ?? '', /\/no\/such/);
});

test.serial('failures in the start period do not count', async (t) => {
  const container = await start(t.context, {
    test: 'false',
    retries: 1,
    startPeriod: 60_000,
    startInterval: 20,
  });
  const { status, failingStreak } = await untilHealth(container, ({ log }) => log.length === 5);
  t.deepEqual({ status, failingStreak }, { status: 'starting', failingStreak: 0 });
});

test.serial('a paused container is not asked', async (t) => {
  const container = await start(t.context, { test: 'true', interval: 20 });
  await untilHealth(container, ({ log }) => log.length > 1);
  await container.pause();
  await sleep(100);
  const before = (await container.inspect()).health;
  await sleep(200);
  t.deepEqual((await container.inspect()).health, before);
  await container.unpause();
  await untilHealth(container, ({ log }) => log.at(-1)?.start !== before?.log.at(-1)?.start);
});

test.serial(
  'what becomes unhealthy is restarted, when that is asked for, even if it ignores its stop signal',
  async (t) => {
    const container = await start(
      t.context,
      { test: '[ -e /tmp/fine ]', retries: 1, restartOnUnhealthy: true },
      { argv: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], restart: 'always' },
    );
    const { state } = await container.inspect();
    const first = state.status === 'running' ? state.startedAt : '';
    for (;;) {
      const now = (await container.inspect()).state;
      if (now.status === 'running' && now.startedAt !== first) break;
      await sleep(50);
    }
    t.pass();
  },
);

test.serial('the output of a check is bounded, and a check that floods does not wait', async (t) => {
  const container = await start(t.context, { test: 'seq 1 30000', interval: 30 });
  const { log } = await untilHealth(container, ({ status }) => status === 'healthy');
  t.is(log[0]?.output.length, 4096);
});

test('what the options leave open is the image’s, and the defaults are docker’s', (t) => {
  const image = { env: [], entrypoint: [], cmd: [], labels: {}, exposedPorts: [], volumes: [], onBuild: [] };
  const stop = { signal: 'SIGTERM', timeout: 10 };
  t.is(healthDescription(null, image, stop), null);
  const healthcheck = { test: ['CMD-SHELL', 'exit 0'], interval: 2e9 };
  const defaults = { timeout: 30_000, startPeriod: 0, startInterval: 5000, retries: 3 };
  t.deepEqual(healthDescription(null, { ...image, healthcheck }, stop), {
    argv: ['/bin/sh', '-c', 'exit 0'],
    interval: 2000,
    ...defaults,
  });
  t.is(healthDescription(null, { ...image, healthcheck: { test: ['NONE'] } }, stop), null);
  t.is(healthDescription(false, { ...image, healthcheck }, stop), null);
});

test('options that make no sense are refused', async (t) => {
  const { engine, image } = t.context;
  const refused = (health: HealthOption, message: RegExp) =>
    t.throwsAsync(engine.containers.create(image, { health }), {
      code: 'ERR_CONTAINER_OPTION_INVALID',
      message,
    });
  await refused({ interval: 0 }, /health.interval/);
  await refused({ test: [] }, /give a command/);
  await refused({ test: 'true', restartOnUnhealthy: true }, /give a restart policy/);
});
