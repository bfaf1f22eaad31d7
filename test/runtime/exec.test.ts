import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isEngineError } from '../../lib/errors/index.ts';
import {
  type ExecDescription,
  execTask,
  launchTask,
  runExec,
  type Task,
  taskState,
  waitTask,
} from '../../lib/runtime/index.ts';
import { BusyboxBundles, interactive, shellProcess, textOf, until } from '../fixtures/busybox-bundle.ts';

const bundles = new BusyboxBundles();
const { runDir, bundle } = bundles.make(['/bin/sleep', '1000']);
let container: Task;

test.before(async () => {
  container = await launchTask(runDir, bundle);
});
test.after.always(async () => {
  container.kill(9);
  await container.exited;
  bundles[Symbol.dispose]();
});

const describe = (command: string | string[], changes: Partial<ExecDescription> = {}): ExecDescription => ({
  process: shellProcess(command),
  stdin: 'none',
  attach: { stdout: true, stderr: true },
  ...changes,
});

test('a process runs beside the container’s own, in its namespaces', async (t) => {
  const { stdout, status } = await runExec(runDir, describe('cat /proc/1/comm; ls -d /bin/busybox; exit 3'));
  t.is(stdout.toString(), 'sleep\n/bin/busybox\n');
  t.is(status.exitCode, 3);
});

test('its stdin, stdout and stderr are its own', async (t) => {
  const { stdout, stderr } = await runExec(runDir, describe('cat; echo err >&2', interactive), {
    input: 'in\n',
  });
  t.is(stdout.toString(), 'in\n');
  t.is(stderr.toString(), 'err\n');
});

test('it can have a terminal', async (t) => {
  const process = shellProcess('tty; stty size', { terminal: true });
  const { stdout } = await runExec(runDir, { ...describe(''), process, terminal: { rows: 12, cols: 34 } });
  t.regex(stdout.toString(), /^\/dev\/(pts\/\d+|console)\r\n12 34\r\n$/);
});

test('it is killed by a signal', async (t) => {
  const task = await execTask(runDir, describe('sleep 1000'));
  t.true(task.kill(9));
  t.like(await task.exited, { exitCode: 137, signal: 'SIGKILL' });
  t.false(task.kill(9));
});

test('it ends without waiting for children that keep its output open', async (t) => {
  const { stdout, status } = await runExec(runDir, describe('sleep 20 & echo done'));
  t.is(stdout.toString(), 'done\n');
  t.is(status.exitCode, 0);
});

test('a command that is not there is told by its name', async (t) => {
  const error = await t.throwsAsync(execTask(runDir, describe(['/bin/nothing-here'])));
  t.true(isEngineError(error, 'ERR_EXEC_NOT_FOUND'));
});

test('nothing of it is left in the run directory', async (t) => {
  await runExec(runDir, describe('true'));
  t.true(await until(() => readdirSync(join(runDir, 'exec')).length <= 4)); // of the tests that run meanwhile
});

test('detached, it is waited for by its directory', async (t) => {
  const directory = join(runDir, 'detached');
  const task = await execTask(runDir, describe('sleep 0.3; exit 4'), { directory });
  task.detach();
  t.like(await taskState(directory), { status: 'running', pid: task.pid });
  t.like(await waitTask(directory), { exitCode: 4 });
  t.true(existsSync(join(directory, 'exit.json')));
});

test('its descriptors are the three of its stdio', async (t) => {
  const { stdout } = await runExec(runDir, describe(['/bin/ls', '/proc/self/fd']));
  t.is(stdout.toString(), '0\n1\n2\n3\n');
});

test('in a container that does not run it is a conflict', async (t) => {
  const other = bundles.make('true');
  const error = await t.throwsAsync(execTask(other.runDir, describe('true')));
  t.true(isEngineError(error, 'ERR_CONTAINER_STATE'));
});

test('it dies with its container', async (t) => {
  const other = bundles.make('sleep 1000');
  const task = await launchTask(other.runDir, other.bundle);
  const exec = await execTask(other.runDir, describe('echo ready; sleep 1000'));
  task.kill(9);
  t.is((await task.exited).exitCode, 137);
  t.is((await exec.exited).exitCode, 137);
  t.is(await textOf(exec.stdout), 'ready\n');
});
