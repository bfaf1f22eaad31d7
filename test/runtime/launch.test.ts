import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isEngineError } from '../../lib/errors/index.ts';
import { launchTask, runTask } from '../../lib/runtime/index.ts';
import { BusyboxBundles, monitorPid, until } from '../fixtures/busybox-bundle.ts';

const bundles = new BusyboxBundles();
test.after.always(() => bundles[Symbol.dispose]());

const run = (command: string | string[], changes = {}) => {
  const { runDir, bundle } = bundles.make(command, changes);
  return runTask(runDir, bundle);
};

for (const code of [0, 1, 126, 127, 255]) {
  test(`exit code ${code} is the task's`, async (t) => {
    const { status } = await run(`exit ${code}`);
    t.is(status.exitCode, code);
    t.is(status.signal, undefined);
  });
}

test('a signal is 128+n and named', async (t) => {
  const { status } = await run('kill -9 $$; exit 1', { linux: { namespaces: [{ type: 'mount' }] } });
  t.is(status.exitCode, 137);
  t.is(status.signal, 'SIGKILL');
});

test('stdout and stderr are kept apart', async (t) => {
  const { stdout, stderr } = await run('echo out; echo err >&2');
  t.is(stdout.toString(), 'out\n');
  t.is(stderr.toString(), 'err\n');
});

test('a command that is not there is told by its name, and leaves no control group', async (t) => {
  const { runDir, bundle } = bundles.make(['/bin/nothing-here']);
  const error = await t.throwsAsync(launchTask(runDir, bundle));
  t.true(isEngineError(error, 'ERR_EXEC_NOT_FOUND'));
  t.regex(error?.message ?? '', /nothing-here/);
  t.deepEqual(controlGroupsOf(bundle.task.id), []);
  t.false(existsSync(join(runDir, 'exit.json')));
});

test('a file that is no program says so', async (t) => {
  t.true(isEngineError(await t.throwsAsync(run(['/etc/passwd'])), 'ERR_EXEC_PERMISSION'));
});

test('the status is recorded in the status file', async (t) => {
  const { runDir, bundle } = bundles.make('exit 5');
  const { status } = await runTask(runDir, bundle);
  t.deepEqual(JSON.parse(readFileSync(join(runDir, 'exit.json'), 'utf8')), status);
  t.true(Date.parse(status.startedAt) <= Date.parse(status.finishedAt));
});

test('autoRemove leaves nothing: no directory, no control group, no process', async (t) => {
  const { runDir, bundle } = bundles.make('true');
  const task = { ...bundle.task, autoRemove: [runDir] };
  const { status } = await runTask(runDir, { ...bundle, task });
  t.is(status.exitCode, 0);
  t.false(existsSync(runDir));
  t.deepEqual(controlGroupsOf(task.id), []);
  t.true(await until(() => !commandLines().some((line) => line.includes(runDir))));
});

test('a monitor that has ended becomes no zombie', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 0.1');
  const task = await launchTask(runDir, bundle);
  const pid = monitorPid(runDir);
  await task.exited;
  t.true(await until(() => !existsSync(`/proc/${pid}`)));
});

test('nothing but stdin, stdout and stderr is open inside', async (t) => {
  const { stdout } = await run('exec ls /proc/self/fd');
  t.is(stdout.toString(), '0\n1\n2\n3\n'); // 3 is ls' own
});

test('an aborted launch is killed and waited for', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000');
  const controller = new AbortController();
  const launching = launchTask(runDir, bundle, { signal: controller.signal });
  controller.abort();
  t.true(isEngineError(await t.throwsAsync(launching), 'ERR_ABORTED'));
  t.deepEqual(controlGroupsOf(bundle.task.id), []);
  t.is(JSON.parse(readFileSync(join(runDir, 'exit.json'), 'utf8')).exitCode, 137);
});

test('an aborted run is killed', async (t) => {
  const { runDir, bundle } = bundles.make('echo so far; sleep 1000');
  const error = await t.throwsAsync(runTask(runDir, bundle, { signal: AbortSignal.timeout(300) }));
  t.true(isEngineError(error, 'ERR_ABORTED'));
  t.deepEqual(controlGroupsOf(bundle.task.id), []);
});

test('a run past its timeout is killed, and what it wrote is in the error', async (t) => {
  const { runDir, bundle } = bundles.make('echo so far; sleep 1000');
  const error = await t.throwsAsync(runTask(runDir, bundle, { timeout: 300 }));
  t.true(isEngineError(error, 'ERR_TIMEOUT') && String(error.details.stdout) === 'so far\n');
});

test('a run that writes too much is killed', async (t) => {
  const { runDir, bundle } = bundles.make('yes');
  const error = await t.throwsAsync(runTask(runDir, bundle, { maxOutput: 100_000 }));
  t.true(isEngineError(error, 'ERR_OUTPUT_TOO_LARGE') && (error.details.stdout as Buffer).length === 100_000);
});

test('a second monitor for the same directory is refused, and the first goes on', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000');
  const task = await launchTask(runDir, bundle);
  const error = await t.throwsAsync(launchTask(runDir, bundle));
  t.true(isEngineError(error, 'ERR_CONTAINER_STATE'));
  t.true(task.kill(9));
  t.is((await task.exited).exitCode, 137);
});

test('a state that cannot be written fails the launch, and what ran already is killed', async (t) => {
  const { runDir, bundle } = bundles.make('echo $$; sleep 1000');
  mkdirSync(join(runDir, 'state.json/in-the-way'), { recursive: true });
  const error = await t.throwsAsync(launchTask(runDir, bundle));
  t.regex(error?.message ?? '', /state\.json/);
  t.deepEqual(controlGroupsOf(bundle.task.id), []);
});

test('a bad task names its field', async (t) => {
  const { runDir, bundle } = bundles.make('true', { task: { stdin: 'sometimes' as 'once' } });
  const error = await t.throwsAsync(launchTask(runDir, bundle));
  t.true(isEngineError(error, 'ERR_SPEC_INVALID'));
  t.regex(error?.message ?? '', /"stdin"/);
});

test('a monitor that idles takes less than 1 MiB', async (t) => {
  const { runDir, bundle } = bundles.make('sleep 1000');
  const task = await launchTask(runDir, bundle);
  const smaps = `/proc/${monitorPid(runDir)}/smaps_rollup`;
  const pss = () => Number(/^Pss: +(\d+) kB/m.exec(readFileSync(smaps, 'utf8'))?.[1]);
  t.true(await until(() => pss() < 1024), `${pss()} kB`);
  task.kill(9);
  await task.exited;
});

test("with an init, orphans are reaped, signals arrive, and the exit code is the command's", async (t) => {
  const init = join(import.meta.dirname, '../../build/Release/strake-init');
  const command = `trap 'exit 9' TERM
    (sh -c 'true & exec true' &)
    sleep 0.3; cat /proc/1/comm; grep -l '^State:.*zombie' /proc/[0-9]*/status 2>/dev/null
    kill -TERM 1; sleep 5 & wait $!; exit 1`;
  const { status, stdout } = await run(command, { task: { init } });
  t.is(stdout.toString(), 'docker-init\n');
  t.is(status.exitCode, 9);
});

function controlGroupsOf(id: string): string[] {
  const tops = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)];
  return tops.map((top) => join(top, 'strake', id)).filter((folder) => existsSync(folder));
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    });
}
