import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { openEngineFixture } from './engine-fixture.ts';

/** The monitor of the container, which is a child of this process, once it is there. */
async function monitorOf(id: string): Promise<number> {
  for (;;) {
    for (const pid of children()) if (commandLine(pid).includes(id)) return pid;
    await sleep(0);
  }
}

function children(): number[] {
  const lists = readdirSync('/proc/self/task').map((task) => readText(`/proc/self/task/${task}/children`));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

const commandLine = (pid: number) => readText(`/proc/${pid}/cmdline`);

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

const cgroupsOf = (id: string) =>
  readdirSync('/sys/fs/cgroup').filter((name) => existsSync(`/sys/fs/cgroup/${name}/strake/${id}`));

test('a monitor that is killed at any moment of a start leaves no cgroup', async (t) => {
  await using fixture = await openEngineFixture();
  const { containers } = fixture.engine;
  for (let delay = 0; delay < 12; ++delay) {
    const created = await containers.create(fixture.image, { argv: ['sleep', '100'] });
    const started = created.start().catch(() => undefined);
    const monitor = await monitorOf(created.id);
    await sleep(delay);
    process.kill(monitor, 'SIGKILL');
    await started;
    await containers.remove(created.id, { force: true });
    t.deepEqual(cgroupsOf(created.id), [], `killed after ${delay} ms`);
  }
});
