import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';

/** Runs in a mount namespace of its own, whose /mnt is a disk of 4 MiB. Prints what the list says, before and after. */
const program = `
  import { writeFileSync } from 'node:fs';
  import { openEngine } from './lib/engine/index.ts';
  const engine = await openEngine({ root: '/mnt/root' });
  const created = await engine.containers.create(process.env.IMAGE, { argv: ['sleep', '100'] });
  const { pid, id } = await created.start();
  const { monitorPid } = JSON.parse((await import('node:fs')).readFileSync('/mnt/root/run/containers/' + id + '/state.json', 'utf8'));
  try { writeFileSync('/mnt/fill', Buffer.alloc(8 << 20)); } catch {}
  process.kill(monitorPid, 'SIGKILL');
  while (true) { try { process.kill(pid, 0); await new Promise((r) => setTimeout(r, 10)); } catch { break; } }
  const all = async () => (await engine.containers.list({ all: true })).map(({ state }) => state.status);
  const before = await all();
  await engine.containers.remove(id);
  console.log(JSON.stringify([before, await all()]));
  process.exit(0);
`;

test('on a full disk a container whose monitor died is listed, and removed to make room', async (t) => {
  const directory = await mkdtemp('/dev/shm/strake-full-');
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const script = `
    mkdir -p ${directory}/image/bin && cp /bin/busybox ${directory}/image/bin/ && ln -s busybox ${directory}/image/bin/sleep &&
    mount -t tmpfs -o size=4m none /mnt && exec node --import tsx --input-type=module -e "$PROGRAM"`;
  const { stdout } = await promisify(execFile)('unshare', ['-m', 'sh', '-c', script], {
    env: { ...process.env, PROGRAM: program, IMAGE: `@${directory}/image` },
    timeout: 30_000,
  });
  t.deepEqual(JSON.parse(stdout), [['exited'], []]);
});
