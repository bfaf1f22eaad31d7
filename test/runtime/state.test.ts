import { existsSync, readdirSync } from 'node:fs';
import test from 'ava';
import { isEngineError } from '../../lib/errors/index.ts';
import { killTask, launchTask, runTask, taskState, waitTask } from '../../lib/runtime/index.ts';
import { BusyboxBundles, monitorPid, until } from '../fixtures/busybox-bundle.ts';

const bundles = new BusyboxBundles();
test.after.always(() => bundles[Symbol.dispose]());

test('a task is running from its start to its end, and dead before and after', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000');
  t.is((await taskState(runDir)).status, 'dead');
  const task = await launchTask(runDir, bundle);
  t.like(await taskState(runDir), { status: 'running', pid: task.pid, startedAt: task.startedAt });
  await killTask(runDir, 9);
  await task.exited;
  t.is((await taskState(runDir)).status, 'dead');
  t.true(isEngineError(await t.throwsAsync(killTask(runDir, 9)), 'ERR_CONTAINER_STATE'));
});

test('a run directory that is not there is dead', async (t) => {
  t.is((await taskState(`${bundles.folder}/nowhere`)).status, 'dead');
});

test('kill -9 of the monitor kills the container; the state heals and the directory can be launched again', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000');
  const task = await launchTask(runDir, bundle);
  const waited = waitTask(runDir);
  process.kill(monitorPid(runDir), 'SIGKILL');
  t.true(isEngineError(await t.throwsAsync(task.exited), 'ERR_MONITOR_DIED'));
  t.true(isEngineError(await t.throwsAsync(waited), 'ERR_MONITOR_DIED'));
  t.true(await until(() => !existsSync(`/proc/${task.pid}`)));
  t.is((await taskState(runDir)).status, 'dead');
  const { status } = await runTask(runDir, { ...bundle, spec: bundles.make('exit 2').bundle.spec });
  t.is(status.exitCode, 2);
});

test('signals that a monitor gets change nothing', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 0.5; exit 8');
  const task = await launchTask(runDir, bundle);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE', 'SIGUSR1'] as const) {
    process.kill(monitorPid(runDir), signal);
  }
  t.is((await task.exited).exitCode, 8);
});

test('waiting for a task that has ended reads what was recorded', async (t) => {
  const { runDir, bundle } = bundles.make('exit 7');
  const { status } = await runTask(runDir, bundle);
  t.deepEqual(await waitTask(runDir), status);
});

test('waiting can be given up', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000');
  const task = await launchTask(runDir, bundle);
  const error = await t.throwsAsync(waitTask(runDir, { signal: AbortSignal.timeout(100) }));
  t.true(isEngineError(error, 'ERR_ABORTED'));
  task.kill(9);
  await task.exited;
});

test.serial('those who have given up waiting hold no thread of this process', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000');
  const task = await launchTask(runDir, bundle);
  const threads = () => readdirSync('/proc/self/task').length;
  await waitTask(runDir, { signal: AbortSignal.timeout(20) }).catch(() => undefined);
  const before = threads();
  const waits = Array.from({ length: 8 }, () => waitTask(runDir, { signal: AbortSignal.timeout(50) }));
  for (const { status } of await Promise.allSettled(waits)) t.is(status, 'rejected');
  t.true(await until(() => threads() <= before), `${threads()} threads, before it were ${before}`);
  task.kill(9);
  await task.exited;
});

test('a container that the memory limit kills says so', async (t) => {
  const resources = { memory: { limit: 20 << 20, swap: 20 << 20 } };
  const { runDir, bundle } = bundles.make('x=$(yes); echo never', {
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }], resources },
  });
  const { status } = await runTask(runDir, bundle);
  t.true(status.oomKilled);
  t.not(status.exitCode, 0);
});

test('without a pid namespace the rest is killed when the command ends', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000 & echo $!', {
    linux: { namespaces: [{ type: 'mount' }] },
  });
  const { stdout } = await runTask(runDir, bundle);
  t.regex(stdout.toString(), /^\d+\n$/);
  t.true(await until(() => !existsSync(`/proc/${stdout.toString().trim()}`)));
});
