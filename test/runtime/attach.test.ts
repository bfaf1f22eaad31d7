import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isEngineError } from '../../lib/errors/index.ts';
import { attachTask, launchTask, type Task, taskState, waitTask } from '../../lib/runtime/index.ts';
import { BusyboxBundles, interactive, type TestBundle, textOf, until } from '../fixtures/busybox-bundle.ts';

const bundles = new BusyboxBundles();
test.after.always(() => bundles[Symbol.dispose]());

test('every client sees the output, and each may write', async (t) => {
  const { runDir, bundle } = bundles.make('cat', { task: { ...interactive, stdin: 'open' } });
  const launcher = await launchTask(runDir, bundle);
  const others = await Promise.all([
    attachTask(runDir, { stdin: true }),
    attachTask(runDir, { stdin: true }),
  ]);
  const texts = [launcher, ...others].map((task) => textOf(task.stdout));
  t.true(others.every((task) => task.pid === launcher.pid && task.startedAt === launcher.startedAt));
  const witness = await attachTask(runDir);
  others[0]?.stdin.write('first\n');
  // Another client's end of stdin must not overtake that line.
  await once(witness.stdout, 'data');
  others[1]?.stdin.end();
  t.deepEqual(await Promise.all(texts), ['first\n', 'first\n', 'first\n']);
  for (const task of [launcher, ...others]) t.is((await task.exited).exitCode, 0);
});

test('a client that hangs up disturbs nobody', async (t) => {
  const { runDir, bundle } = bundles.make('read x; echo $x', { task: interactive });
  const launcher = await launchTask(runDir, bundle);
  const other = await attachTask(runDir);
  other.detach();
  t.true(isEngineError(await t.throwsAsync(other.exited), 'ERR_ABORTED'));
  launcher.stdin.end('still here\n');
  t.is(await textOf(launcher.stdout), 'still here\n');
});

test('bytes that are no frames cost their sender the connection, and nobody else', async (t) => {
  const { runDir, bundle } = bundles.make('read x; echo $x', { task: interactive });
  const launcher = await launchTask(runDir, bundle);
  const program =
    'import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b"\\xff"*100); print(s.recv(1))';
  const python = spawn('python3', ['-c', program, join(runDir, 'attach.sock')]);
  t.regex(await textOf(python.stdout), /b''/);
  launcher.stdin.end('still here\n');
  t.is(await textOf(launcher.stdout), 'still here\n');
});

test('attaching to a task that does not run is a conflict', async (t) => {
  const { runDir } = bundles.make('true');
  t.true(isEngineError(await t.throwsAsync(attachTask(runDir)), 'ERR_CONTAINER_STATE'));
});

test('a container outlives kill -9 of the program that launched it; another one attaches and waits', async (t) => {
  const made = bundles.make('read x; echo got $x; exit 6', { task: { ...interactive, stdin: 'open' } });
  const program = await launchInOtherProcess(made);
  program.kill('SIGKILL');
  await once(program, 'exit');
  t.is((await taskState(made.runDir)).status, 'running');
  const task: Task = await attachTask(made.runDir, { stdin: true });
  const waited = waitTask(made.runDir);
  task.stdin.write('a line\n');
  t.is(await textOf(task.stdout), 'got a line\n');
  t.is((await task.exited).exitCode, 6);
  t.like(await waited, { exitCode: 6, startedAt: task.startedAt });
  t.true(await until(async () => (await taskState(made.runDir)).status === 'dead'));
});

async function launchInOtherProcess({ runDir, bundle }: TestBundle): Promise<ChildProcess> {
  const room = join(import.meta.dirname, '../../lib/runtime/index.ts');
  const file = join(bundles.folder, 'launch.mts');
  writeFileSync(
    file,
    `import { launchTask } from ${JSON.stringify(room)};
     await launchTask(${JSON.stringify(runDir)}, ${JSON.stringify(bundle)});
     console.log('launched'); setInterval(() => {}, 1000);`,
  );
  const tsx = import.meta.resolve('tsx');
  const program = spawn(process.execPath, ['--import', tsx, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(program.stdout, 'data');
  return program;
}
