import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

function networkOf(pid: number | 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

async function startSleeper(
  namespaces: { type: 'network' }[] = [],
): Promise<{ task: Task; monitor: number; runDir: string }> {
  const { runDir, bundle } = bundles.make('sleep 60');
  const { linux } = bundle.spec;
  const spec = {
    ...bundle.spec,
    linux: { ...linux, namespaces: [...(linux?.namespaces ?? []), ...namespaces] },
  };
  const task = await launchTask(runDir, { ...bundle, spec });
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

test.serial(
  'a waiting monitor has nothing open but its socket and the network for its container',
  async (t) => {
    const spare = await startTwice();
    const more = () => openFiles(spare).slice(4);
    t.true(await until(() => more().length === 1 && /^net:/.test(more()[0] ?? '')), openFiles(spare).join());
    t.is(networkOf(spare), networkOf('self'), 'it is not in there itself');
  },
);

test.serial('a container of a waiting monitor has a network of its own, which ends with it', async (t) => {
  const spare = await startTwice();
  await until(() => openFiles(spare).length === 5);
  const ahead = openFiles(spare)[4];
  const { task, monitor } = await startSleeper([{ type: 'network' }]);
  t.is(monitor, spare);
  t.is(networkOf(task.pid), ahead ?? '');
  t.deepEqual(
    openFiles(monitor).filter((file) => file.startsWith('net:')),
    [],
    'its monitor does not hold it',
  );
  task.kill(constants.signals.SIGKILL);
  await task.exited;
});

test.serial('one that was killed while it waited is not noticed', async (t) => {
  process.kill(await startTwice(), 'SIGKILL');
  await until(() => spares().length === 0);
  t.is(await runTrue(), 0);
});
