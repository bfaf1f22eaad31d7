import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { ContainerOptions, ContainerState } from '../../lib/containers/index.ts';
import { openEngine } from '../../lib/engine/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture & { shared: string }>;

test.before(async (t) => {
  const fixture = await openEngineFixture();
  const shared = join(fixture.directory, 'shared');
  mkdirSync(shared);
  t.context = { ...fixture, shared };
});
test.beforeEach((t) => writeFileSync(join(t.context.shared, 'runs'), ''));
test.after.always((t) => t.context[Symbol.asyncDispose]());
test.afterEach.always(async (t) => {
  const { engine } = t.context;
  for (const { id } of await engine.containers.list({ all: true }))
    await engine.containers.remove(id, { force: true });
  t.deepEqual(await t.context.leftovers(), []);
});

/** Each run leaves a line in `runs`. */
async function start(
  { engine, image, shared }: EngineFixture & { shared: string },
  command: string,
  restart: NonNullable<ContainerOptions['restart']>,
) {
  const container = await engine.containers.create(image, {
    argv: ['sh', '-c', `echo run >>/shared/runs; echo line; ${command}`],
    mounts: [{ type: 'bind', source: shared, target: '/shared' }],
    stopTimeout: 0,
    restart,
  });
  await container.start();
  return container;
}

/** Ends at once but for a run after that many. */
const sleepAfter = (runs: number) =>
  `n=0; while read -r _; do n=$((n+1)); done </shared/runs; [ $n -gt ${runs} ] && exec sleep 100`;

const runsOf = ({ shared }: { shared: string }) =>
  readFileSync(join(shared, 'runs'), 'utf8').split('\n').length - 1;

async function until<T>(look: () => Promise<T | false | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const found = await look();
    if (found) return found;
    await sleep(25);
  }
  throw new Error('what was waited for did not come');
}

test.serial('on-failure runs again as often as was asked, then has ended as the last run did', async (t) => {
  const container = await start(t.context, 'exit 3', { policy: 'on-failure', maximumRetries: 2 });
  t.is((await container.wait()).exitCode, 3);
  t.is(runsOf(t.context), 3);
  t.like((await container.inspect()).state, { status: 'exited', exitCode: 3 });
  const lines = [];
  for await (const { text } of container.logs()) lines.push(String(text));
  t.is(lines.length, 3);
});

test.serial('on-failure does not run again what succeeded', async (t) => {
  const container = await start(t.context, 'exit 0', 'on-failure');
  t.is((await container.wait()).exitCode, 0);
  t.is(runsOf(t.context), 1);
});

test.serial('between two runs it is restarting, and stop ends that', async (t) => {
  const container = await start(t.context, 'exit 1', 'always');
  const state = await until(async () => {
    const { state } = await container.inspect();
    return state.status === 'restarting' && (state as ContainerState);
  });
  t.like(state, { status: 'restarting', exitCode: 1 });
  t.deepEqual(
    (await t.context.engine.containers.list()).map(({ id }) => id),
    [container.id],
  );
  await container.stop();
  t.like((await container.inspect()).state, { status: 'exited', exitCode: 1 });
  const runs = runsOf(t.context);
  await sleep(700);
  t.is(runsOf(t.context), runs);
});

test.serial('what stop or kill ends stays ended, what ends by itself does not', async (t) => {
  for (const end of ['stop', 'kill'] as const) {
    const container = await start(t.context, 'exec sleep 100', 'always');
    await container[end]();
    t.like(await container.wait(), { exitCode: 137 });
    await sleep(300);
    t.like((await container.inspect()).state, { status: 'exited' });
  }
  const before = runsOf(t.context);
  const container = await start(t.context, `${sleepAfter(3)}; exit 0`, 'unless-stopped');
  await until(
    async () => (await container.inspect()).state.status === 'running' && runsOf(t.context) > before + 1,
  );
});

test.serial('restart, attach and exec work in a later run', async (t) => {
  const container = await start(t.context, `${sleepAfter(1)}; exit 1`, 'always');
  await until(async () => (await container.inspect()).state.status === 'running' && runsOf(t.context) === 2);
  t.is((await container.run(['echo', 'hi'])).stdout, 'hi\n');
  await container.restart();
  await until(async () => runsOf(t.context) >= 3);
});

test.serial('removal by force ends a container that restarts, whenever it comes', async (t) => {
  for (const pause of [0, 40, 100, 120, 260]) {
    const container = await start(t.context, 'exit 1', 'always');
    await sleep(pause);
    await container.remove({ force: true });
    const runs = runsOf(t.context);
    await sleep(250);
    t.is(runsOf(t.context), runs);
  }
});

test.serial('restarts go on with the program that started it gone, and update ends them', async (t) => {
  const { engine } = t.context;
  const { id } = await start(t.context, 'sleep 0.05; exit 1', 'always');
  await using other = await openEngine({ root: engine.root });
  await until(async () => runsOf(t.context) >= 2);
  await other.containers.update(id, { restart: 'no' });
  t.is((await other.containers.wait(id)).exitCode, 1);
  t.deepEqual((await other.containers.inspect(id)).restart, { policy: 'no', maximumRetries: 0 });
});

test.serial('a container that cannot be started again has ended, and says why', async (t) => {
  const { engine, image } = t.context;
  const source = join(t.context.directory, 'goes');
  mkdirSync(source);
  const container = await engine.containers.create(image, {
    argv: ['sleep', '0.3'],
    mounts: [{ type: 'bind', source, target: '/goes' }],
    restart: 'always',
  });
  await container.start();
  await engine.run(image, ['sh', '-c', 'rm -r /d/goes'], {
    mounts: [{ type: 'bind', source: t.context.directory, target: '/d' }],
  });
  const status = await container.wait();
  t.is(status.exitCode, 128);
  t.regex(status.error ?? '', /could not be started again: .*goes/);
});

test.serial(
  'after a reboot what should run is started: always, and unless-stopped that was not stopped',
  async (t) => {
    const { engine } = t.context;
    const kinds = ['always', 'unless-stopped', 'unless-stopped', 'no'] as const;
    const made = [];
    for (const kind of kinds) made.push(await start(t.context, 'exec sleep 100', kind));
    const [always, unlessStopped, stopped, never] = made;
    await always?.stop();
    await stopped?.stop();
    for (const container of [unlessStopped, never]) await crash(engine.runDir, container?.id ?? '');
    const started = [];
    for await (const { id, error } of engine.containers.startRestartable()) {
      t.is(error, undefined);
      started.push(id);
    }
    t.deepEqual(started, [always?.id, unlessStopped?.id]);
  },
);

test('a policy that makes no sense is refused', async (t) => {
  const { engine, image } = t.context;
  const refused = (options: ContainerOptions, message: RegExp) =>
    t.throwsAsync(engine.containers.create(image, options), {
      code: 'ERR_CONTAINER_OPTION_INVALID',
      message,
    });
  await refused({ restart: 'sometimes' as 'no' }, /restart "sometimes": it must be one of no, always/);
  await refused({ restart: 'always', autoRemove: true }, /autoRemove.* cannot restart/);
  await refused({ restart: { policy: 'always', maximumRetries: 3 } }, /on-failure only/);
});

/** As a machine that goes down: the monitor is killed, and the run directory lost. */
async function crash(runDir: string, id: string): Promise<void> {
  const { monitorPid } = JSON.parse(readFileSync(join(runDir, 'containers', id, 'state.json'), 'utf8'));
  process.kill(monitorPid, 'SIGKILL');
  await sleep(50);
}
