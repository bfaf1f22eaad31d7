/**
 * How much memory do many containers of one image take, when each is started by a command of its own?
 *
 *     npx tsx bench/containers-memory.ts [containers]
 *
 * 50 containers of the Debian image import some of Python's library and wait. What is counted is the memory of their control
 * groups (v1), from cold caches on: with page cache, which belongs to whoever brought it in. Started by `strake run -d` with
 * layers as tars with EROFS indexes and as directories, by a program that starts them all, and by `docker run -d`. Stores are
 * on an ext4 with a journal (a loop device over memory, made here). Needs root, script/setup --tests and `npm run build`.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openEngine } from '../lib/engine/index.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { mountDisk } from './harness/disk.ts';
import { Held } from './harness/hold.ts';
import { startContainerd, startDocker } from './harness/peers.ts';
import { installed } from './harness/programs.ts';
import { checkout, inSandbox, runFolder } from './harness/sandbox.ts';
import { printTable } from './harness/table.ts';

/** Starts one container; `clear` removes all of them. */
interface Starter {
  readonly name: string;
  /** Answers its control group, below those of memory. */
  start(): Promise<string>;
  clear(): Promise<unknown>;
}

const script = 'import json, ssl, sqlite3, asyncio, decimal, time; print("up", flush=True); time.sleep(1000)';
const command = ['python3', '-S', '-c', script];
const count = Number(process.argv[2] ?? 50);

await inSandbox(import.meta.filename, debianImage, async () => {
  const folder = makeFastFolder('bench');
  try {
    await using held = new Held();
    const disk = held.use(await mountDisk(folder, 8));
    const registry = held.use(await startRegistry());
    const reference = await registry.push(await debianImage(), 'debian:12');
    const rows = [];
    for (const starter of await starters(held, disk.path, reference))
      rows.push([starter.name, ...(await measure(starter))]);
    printTable(`memory of ${count} containers, MiB`, ['', 'first', 'all', 'each further one'], rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function measure({ start, clear }: Starter): Promise<string[]> {
  await mustRun('sync', []);
  await writeFile('/proc/sys/vm/drop_caches', '3');
  const groups = [];
  for (let at = 0; at < count; at++) groups.push(await start());
  await delay(3000); // until all have imported
  const used = await Promise.all(groups.map(mebibytesOf));
  const [first = 0] = used;
  const all = used.reduce((sum, one) => sum + one, 0);
  await clear();
  return [first, all, (all - first) / (count - 1)].map((mebibytes) => mebibytes.toFixed(1));
}

async function mebibytesOf(group: string): Promise<number> {
  return Number(await readFile(`/sys/fs/cgroup/memory/${group}/memory.usage_in_bytes`, 'utf8')) / 2 ** 20;
}

async function starters(held: Held, disk: string, reference: string): Promise<Starter[]> {
  const forms = (['erofs', 'directory'] as const).map((layers) => byCommand(disk, layers, reference));
  const found = [...(await Promise.all(forms)), await byProgram(held, disk, reference)];
  if (!(await installed('containerd')) || !(await installed('dockerd'))) return found;
  const folders = { store: disk, run: runFolder };
  const containerd = held.use(await startContainerd(folders));
  const docker = ['-H', `unix://${held.use(await startDocker(folders, containerd)).socket}`];
  await mustRun('docker', [...docker, 'pull', '-q', reference]);
  const run = [...docker, 'run', '-d', '--network', 'none', reference, ...command];
  return [
    ...found,
    {
      name: 'docker run -d',
      start: async () => `docker/${(await mustRun('docker', run)).trim()}`,
      clear: () => clearDocker(docker),
    },
  ];
}

async function clearDocker(docker: readonly string[]): Promise<void> {
  const ids = (await mustRun('docker', [...docker, 'ps', '-q'])).trim().split('\n');
  await mustRun('docker', [...docker, 'rm', '-f', ...ids]);
}

async function byCommand(disk: string, layers: string, reference: string): Promise<Starter> {
  const env = { ...process.env, STRAKE_LAYERS: layers, STRAKE_ROOT: join(disk, layers) };
  const strake = (argv: readonly string[]) => mustRun(join(checkout, 'bin/strake'), argv, { env });
  await strake(['pull', '-q', reference]);
  return {
    name: `strake run -d, ${layers}`,
    start: async () => `strake/${(await strake(['run', '-d', reference, ...command])).trim()}`,
    clear: async () => strake(['rm', '-f', ...(await strake(['ps', '-q'])).trim().split('\n')]),
  };
}

async function byProgram(held: Held, disk: string, reference: string): Promise<Starter> {
  const engine = held.use(await openEngine({ root: join(disk, 'erofs'), layers: 'erofs' }));
  const ids: string[] = [];
  return {
    name: 'one program, erofs',
    start: async () => {
      const container = await engine.containers.create(reference, { argv: command });
      ids.push(container.id);
      await container.start();
      return `strake/${container.id}`;
    },
    clear: () => Promise.all(ids.map((id) => engine.containers.remove(id, { force: true }))),
  };
}
