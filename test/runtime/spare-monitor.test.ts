import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import test from 'ava';
import { launchTask, runTask, type Task } from '../../lib/runtime/index.ts';
import { BusyboxBundles, monitorPid, until } from '../fixtures/busybox-bundle.ts';

const bundles = new BusyboxBundles();
test.after.always(() => bundles[Symbol.dispose]());

const runTrue = async () => {
  const { runDir, bundle } = bundles.make('true');
  return (await runTask(runDir, bundle)).status.exitCode;
};

/** The monitors of this process that wait for their command. */
function spares(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isSpare(name))
    .map(Number);
}

function isSpare(pid: string): boolean {
  try {
    const parent = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[1];
    return (
      Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0wait\0')
    );
  } catch {
    return false; // it has ended meanwhile
  }
}

async function startTwice(): Promise<number> {
  await runTrue();
  await runTrue();
  await until(() => spares().length === 1);
  return spares()[0] ?? 0;
}

async function startSleeper(): Promise<{ task: Task; monitor: number; runDir: string }> {
  const { runDir, bundle } = bundles.make('sleep 60');
  const task = await launchTask(runDir, bundle);
  return { task, monitor: monitorPid(runDir), runDir };
}

test.serial(
  'the monitor that waits becomes the next container’s, under its name, and is replaced',
  async (t) => {
    const spare = await startTwice();
    const { task, monitor, runDir } = await startSleeper();
    t.is(monitor, spare);
    t.true(readFileSync(`/proc/${monitor}/cmdline`, 'utf8').includes(runDir));
    t.true(await until(() => spares().length === 1));
    task.kill(constants.signals.SIGKILL);
    t.is((await task.exited).exitCode, 137);
  },
);

test.serial('a waiting monitor has nothing open but its socket', async (t) => {
  const spare = await startTwice();
  t.true(
    await until(() => readdirSync(`/proc/${spare}/fd`).join() === '0,1,2,3'),
    readdirSync(`/proc/${spare}/fd`).join(),
  );
});

test.serial('one that was killed while it waited is not noticed', async (t) => {
  process.kill(await startTwice(), 'SIGKILL');
  await until(() => spares().length === 0);
  t.is(await runTrue(), 0);
});
