/**
 * What do many idle containers cost: to start one after another, in memory beside what runs in them, and to list?
 *
 *     npx tsx bench/density.ts [containers, default 500] [containers of docker and podman, default 50]
 *
 * A busybox image's `sleep` without network, all stores in memory. docker and podman, which take long, start fewer: the
 * columns are for one container, but for the list, which is that of all. Memory is the growth of the proportional set
 * sizes of everything but the payloads (monitors, shims, conmons, daemons). Needs root and script/setup --tests.
 */

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mustRun } from '../test/fixtures/run-program.ts';
import { onBenchGround } from './harness/ground.ts';
import type { Held } from './harness/hold.ts';
import { quantile, timed } from './harness/measure.ts';
import { proportionalMemory } from './harness/memory.ts';
import type { Stopwatch } from './harness/programs.ts';
import { checkout } from './harness/sandbox.ts';
import { printTable } from './harness/table.ts';
import { dockerWith, podmanWith } from './harness/with-image.ts';

/** Containers of one engine. */
interface Crowd {
  readonly name: string;
  readonly count: number;
  /** Names of the processes that are not payloads. */
  readonly keepers: readonly string[];
  start(): Promise<unknown>;
  list(): Promise<number>;
  /** The same as a call of the library, where there is one. */
  listHere?(): Promise<number>;
}

const sleep = ['sleep', '100000'];

await onBenchGround(import.meta.filename, async ({ held, folders, reference, stopwatch }) => {
  const [count, peers] = [Number(process.argv[2] ?? 500), Number(process.argv[3] ?? 50)];
  const rows = [await measure(await strakeCrowd(held, folders.store, reference, count, stopwatch))];
  const docker = await dockerWith(held, folders, reference);
  if (docker !== null) rows.push(await measure(dockerCrowd(docker.argv, reference, peers, stopwatch, held)));
  const podman = await podmanWith(folders, reference);
  if (podman !== null) rows.push(await measure(podmanCrowd(podman, reference, peers, stopwatch, held)));
  printTable('idle containers', ['', 'n', 'start ms', 'per second', 'KiB each', 'list ms', 'call ms'], rows);
});

async function strakeCrowd(
  held: Held,
  store: string,
  reference: string,
  count: number,
  stopwatch: Stopwatch,
): Promise<Crowd> {
  const { openEngine } = await import('strake');
  const root = join(store, 'strake');
  const engine = held.use(await openEngine({ root }));
  await engine.images.pull(reference);
  const ps = [join(checkout, 'bin/strake'), '--root', root, 'ps'];
  return {
    name: 'strake, library',
    count,
    keepers: ['strake-monitor'],
    start: async () => {
      held.use(await (await engine.containers.create(reference, { argv: sleep })).start());
    },
    list: () => stopwatch.time(ps),
    listHere: () => timed(() => engine.containers.list()),
  };
}

function dockerCrowd(
  docker: readonly string[],
  reference: string,
  count: number,
  stopwatch: Stopwatch,
  held: Held,
): Crowd {
  held.add(async () => {
    const ids = (await mustRun('docker', [...docker.slice(1), 'ps', '-q'])).trim().split('\n');
    await mustRun('docker', [...docker.slice(1), 'rm', '-f', ...ids]);
  });
  return {
    name: 'docker',
    count,
    keepers: ['containerd-shim-runc-v2', 'containerd', 'dockerd'],
    start: () => stopwatch.time([...docker, 'run', '-d', '--network', 'none', reference, ...sleep]),
    list: () => stopwatch.time([...docker, 'ps']),
  };
}

function podmanCrowd(
  podman: readonly string[],
  reference: string,
  count: number,
  stopwatch: Stopwatch,
  held: Held,
): Crowd {
  held.add(async () => {
    await mustRun('podman', [...podman.slice(1), 'rm', '-f', '-t', '0', '--all']);
  });
  return {
    name: 'podman',
    count,
    keepers: ['conmon'],
    start: () => stopwatch.time([...podman, 'run', '-d', '--network', 'none', reference, ...sleep]),
    list: () => stopwatch.time([...podman, 'ps']),
  };
}

async function measure(crowd: Crowd): Promise<string[]> {
  const before = await memoryOf(crowd);
  const took = await timed(async () => {
    for (let n = 0; n < crowd.count; n++) await crowd.start();
  });
  await delay(2000); // what keeps a container gives back what it does not need
  const kibibytes = ((await memoryOf(crowd)) - before) / crowd.count;
  const list = await repeated(crowd.list);
  const here = crowd.listHere ? (await repeated(crowd.listHere)).toFixed(1) : '';
  const each = took / crowd.count;
  return [
    crowd.name,
    String(crowd.count),
    each.toFixed(1),
    (1000 / each).toFixed(0),
    kibibytes.toFixed(0),
    list.toFixed(1),
    here,
  ];
}

/** The median of eleven. */
async function repeated(once: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 11; n++) times.push(await once());
  return quantile(times, 0.5);
}

/** KiB of all keepers, by the names of their programs. */
async function memoryOf({ keepers }: Crowd): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const sizes = pids.map(async (pid) => {
    const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    return keepers.includes(basename(line.split('\0')[0] ?? '')) ? await proportionalMemory(pid) : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
