import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { openEngine, type StartedContainer } from '../../lib/engine/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture & { container: StartedContainer; since: Date }>;

test.beforeEach(async (t) => {
  const fixture = await openEngineFixture();
  const { engine, image } = fixture;
  const created = await engine.containers.create(image, { argv: ['sleep', '100'], name: 'busy' });
  t.context = { ...fixture, container: await created.start(), since: new Date() };
});
test.afterEach.always((t) => t.context[Symbol.asyncDispose]());

test.serial('an exec can be inspected while it runs and after its end, from any program', async (t) => {
  const { engine, container } = t.context;
  const exec = await container.exec(['sh', '-c', 'read x; exit 7'], { stdin: true, user: '0' });
  const other = await openEngine({ root: engine.root });
  t.like(await other.containers.inspectExec(exec.id), {
    id: exec.id,
    containerId: container.id,
    running: true,
    exitCode: null,
    pid: exec.pid,
    argv: ['sh', '-c', 'read x; exit 7'],
    user: '0',
    tty: false,
    finishedAt: null,
  });
  exec.stdin.end('\n');
  await exec.wait();
  t.like(await other.containers.inspectExec(exec.id), { running: false, exitCode: 7, pid: null });
  t.deepEqual(
    (await container.execs()).map(({ id }) => id),
    [exec.id],
  );
});

test.serial('a detached exec goes on, and its exit code is kept until the container ends', async (t) => {
  const { engine, container } = t.context;
  const exec = await container.exec(['sh', '-c', 'sleep 0.3; exit 5']);
  exec.detach();
  for (let n = 0; n < 100 && (await engine.containers.inspectExec(exec.id)).running; n++) await sleep(20);
  t.is((await engine.containers.inspectExec(exec.id)).exitCode, 5);
  await engine.containers.remove('busy', { force: true });
  await t.throwsAsync(engine.containers.inspectExec(exec.id), { code: 'ERR_EXEC_NOT_KNOWN' });
});

test.serial('the terminal of an exec is resized from another program', async (t) => {
  const { engine, container } = t.context;
  const script = 'while [ "$(busybox stty size)" != "33 77" ]; do busybox sleep 0.05; done; echo seen';
  const exec = await container.exec(['sh', '-c', script], { tty: true });
  const other = await openEngine({ root: engine.root });
  await other.containers.resizeExec(exec.id, 33, 77);
  t.is((await exec.wait()).exitCode, 0);
  t.true((await other.containers.inspectExec(exec.id)).tty);
  await t.throwsAsync(other.containers.resizeExec(exec.id, 1, 1), { code: 'ERR_CONTAINER_STATE' });
});

test.serial('of those that have ended a bounded number is kept', async (t) => {
  const { container } = t.context;
  const first = await container.exec(['true']);
  await first.wait();
  for (let n = 0; n < 85; n++) await (await container.exec(['true'])).wait();
  const execs = await container.execs();
  t.true(execs.length >= 64 && execs.length <= 80, String(execs.length));
  t.false(execs.some(({ id }) => id === first.id));
});

test.serial('execs are told of, and one that cannot start leaves nothing', async (t) => {
  const { engine, container, since } = t.context;
  t.is((await container.run(['sh', '-c', 'exit 4'])).exitCode, 4);
  await t.throwsAsync(container.exec(['no-such']), { code: 'ERR_EXEC_NOT_FOUND' });
  t.deepEqual(await container.execs(), []);
  const seen = [];
  for await (const { action, attributes } of engine.events({ since, until: new Date() }))
    if (action.startsWith('exec')) seen.push([action, attributes.exitCode]);
  t.deepEqual(seen, [
    ['exec_create: sh -c exit 4', undefined],
    ['exec_start: sh -c exit 4', undefined],
    ['exec_die', '4'],
    ['exec_create: no-such', undefined],
  ]);
});
