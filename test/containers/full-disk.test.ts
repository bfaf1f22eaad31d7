import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';

/** Prints what the list says, before and after. */
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

/** /mnt is full when the command ends; /mnt/run, where its monitor can still write, is another disk. */
const endsOnFullDisk = `
  import { writeFileSync, rmSync } from 'node:fs';
  import { openEngine } from './lib/engine/index.ts';
  const engine = await openEngine({ root: '/mnt/root', runDir: '/mnt/run' });
  const created = await engine.containers.create(process.env.IMAGE, { argv: ['sh', '-c', 'read line; exit 5'], stdin: true });
  const { attachment } = await created.start({ attach: true });
  try { writeFileSync('/mnt/fill', Buffer.alloc(8 << 20)); } catch {}
  attachment.stdin.end('now\\n');
  await attachment.exited;
  const state = async () => (await created.inspect()).state;
  const full = await state();
  rmSync('/mnt/fill');
  console.log(JSON.stringify([full, await state()].map(({ status, exitCode }) => [status, exitCode])));
  await created.remove();
  process.exit(0);
`;

test('on a full disk a container whose monitor died is listed, and removed to make room', async (t) => {
  t.deepEqual(await onSmallDisk(t, program), [['exited'], []]);
});

test('how a container ended is known though its disk was full at its end', async (t) => {
  t.deepEqual(await onSmallDisk(t, endsOnFullDisk), [
    ['exited', 5],
    ['exited', 5],
  ]);
});

/** What a program prints, as JSON, that has 4 MiB at /mnt, a run directory of its own at /mnt/run, and IMAGE with busybox. */
async function onSmallDisk(t: ExecutionContext, text: string): Promise<unknown> {
  const directory = await mkdtemp('/dev/shm/strake-full-');
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const script = `
    mkdir -p ${directory}/image/bin && cp /bin/busybox ${directory}/image/bin/ && ln -s busybox ${directory}/image/bin/sleep && ln -s busybox ${directory}/image/bin/sh &&
    mount -t tmpfs -o size=4m none /mnt && mkdir /mnt/run && mount -t tmpfs -o size=4m none /mnt/run && exec node --import tsx --input-type=module -e "$PROGRAM"`;
  const { stdout } = await promisify(execFile)('unshare', ['-m', 'sh', '-c', script], {
    env: { ...process.env, PROGRAM: text, IMAGE: `@${directory}/image` },
    timeout: 30_000,
  });
  return JSON.parse(stdout);
}
