import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  cgroupLayout,
  cgroupProcesses,
  freezeCgroup,
  killCgroup,
  removeCgroup,
  thawCgroup,
} from '../../bindings/cgroup.ts';

const mounted = '/sys/fs/cgroup';
const hierarchies =
  cgroupLayout() === 'v2' ? [mounted] : ['freezer', 'memory', 'pids'].map((name) => join(mounted, name));
const usable =
  process.getuid?.() === 0 && hierarchies.every((directory) => existsSync(join(directory, 'cgroup.procs')));
const rootTest = usable ? test : test.skip;
if (!usable) console.log('skipped: cgroups are made by root, below /sys/fs/cgroup');

/** A group with a sleeping process in it; what is left of it after the test is taken away. */
function groupWithProcess(t: ExecutionContext): { path: string; child: ReturnType<typeof spawn> } {
  const path = `strake-test-bindings/${t.title.replaceAll(/\W+/g, '-')}-${process.pid}`;
  const child = spawn('sleep', ['1000']);
  for (const directory of hierarchies) {
    mkdirSync(join(directory, path), { recursive: true });
    writeFileSync(join(directory, path, 'cgroup.procs'), String(child.pid));
  }
  t.teardown(async () => {
    child.kill('SIGKILL');
    await removeCgroup(path);
    for (const directory of hierarchies) removeIfEmpty(join(directory, 'strake-test-bindings'));
  });
  return { path, child };
}

function removeIfEmpty(directory: string): void {
  const groups = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (groups.length === 0) rmdirSync(directory);
}

function processState(pid: number | undefined): string {
  return /State:\s+(\S)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '?';
}

rootTest('the processes of a group are listed', async (t) => {
  const { path, child } = groupWithProcess(t);
  t.deepEqual(await cgroupProcesses(path), [child.pid]);
});

const v2 = cgroupLayout() === 'v2';

rootTest(
  'a frozen group stands still, and on v1 it does not die of a signal until it is thawed',
  async (t) => {
    const { path, child } = groupWithProcess(t);
    await freezeCgroup(path);
    t.true(['D', 'S'].includes(processState(child.pid)));
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await sleep(50);
    // The kernel's cgroup-v2.rst, cgroup.freeze: "frozen processes can be killed by a fatal signal".
    if (!v2) t.is(child.exitCode ?? child.signalCode, null);
    if (!v2) await thawCgroup(path);
    t.deepEqual(await exited, [null, 'SIGTERM']);
  },
);

rootTest('killing a frozen group leaves nothing in it, and removing it leaves no directory', async (t) => {
  const { path, child } = groupWithProcess(t);
  const exited = once(child, 'exit');
  await freezeCgroup(path);
  await killCgroup(path);
  t.deepEqual(await cgroupProcesses(path), []);
  t.deepEqual(await exited, [null, 'SIGKILL']);
  await removeCgroup(path);
  for (const directory of hierarchies) t.false(existsSync(join(directory, path)));
});

rootTest('a group with living processes is not removed: EBUSY', async (t) => {
  const { path } = groupWithProcess(t);
  const error = await t.throwsAsync(removeCgroup(path));
  t.like(error, { code: 'ERR_SYSTEM', details: { errno: 'EBUSY', syscall: 'rmdir' } });
});

rootTest('a group that does not exist is empty, cannot be frozen, and its removal is done', async (t) => {
  t.deepEqual(await cgroupProcesses('strake-test-bindings/absent'), []);
  await t.throwsAsync(freezeCgroup('strake-test-bindings/absent'));
  await removeCgroup('strake-test-bindings/absent');
});

test('a path that leaves the groups of strake is refused', async (t) => {
  for (const path of ['../x', 'a/../../b', ''])
    t.like(await t.throwsAsync(removeCgroup(path)), { code: 'ERR_CGROUP_FAILED' });
});
