/**
 * How long does a container take that does nothing: created, started, ended and removed?
 *
 *     npx tsx bench/start.ts [rounds]
 *
 * A busybox image's `true` without network, all stores in memory. crun and runc get the config.json that strake wrote for the same
 * container, with a plain folder as its root; the floor is bench/floor.c, the system calls that nobody can leave out. A
 * second table has the memory that one waiting container costs outside itself. Needs root and script/setup --tests.
 */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mustRun } from '../test/fixtures/run-program.ts';
import { type DockerApi, dockerApi } from './harness/dockerode.ts';
import { type BenchGround, onBenchGround } from './harness/ground.ts';
import { type Contender, interleave, timed } from './harness/measure.ts';
import { parentOf, proportionalMemory } from './harness/memory.ts';
import { startContainerd, startDocker } from './harness/peers.ts';
import { installed } from './harness/programs.ts';
import { floorContender, runtimeContender, writtenConfiguration } from './harness/runtimes.ts';
import { checkout } from './harness/sandbox.ts';
import { printSeries, printTable } from './harness/table.ts';
import { podmanWith } from './harness/with-image.ts';

/** What waits beside one running container, and its proportional set size. */
interface Keeper {
  readonly name: string;
  readonly kibibytes: number;
}

interface Bench extends BenchGround {
  readonly contenders: Contender[];
  readonly keepers: Keeper[];
}

await onBenchGround(import.meta.filename, async (ground) => {
  const rounds = Number(process.argv[2] ?? 30);
  const bench: Bench = { ...ground, contenders: [], keepers: [] };
  const configuration = await addStrake(bench);
  for (const runtime of ['crun', 'runc'])
    bench.contenders.push(...(await runtimeContender(runtime, bench.folder, configuration, bench.stopwatch)));
  bench.contenders.push(await floorContender(bench.folder, bench.held));
  await addDaemons(bench);
  await addPodman(bench);
  printSeries('created, started, ended and removed', await interleave(bench.contenders, { rounds }), 'ms');
  printKeepers(bench.keepers);
});

/** The library and the CLI; answers the config.json that the library wrote. */
async function addStrake({
  held,
  folders,
  reference,
  stopwatch,
  contenders,
  keepers,
}: Bench): Promise<string> {
  const { openEngine } = await import('strake');
  const root = join(folders.store, 'strake');
  const engine = held.use(await openEngine({ root }));
  await engine.images.pull(reference);
  const strake = [
    join(checkout, 'bin/strake'),
    '--root',
    root,
    'run',
    '--rm',
    '--network',
    'none',
    reference,
    'true',
  ];
  contenders.push(
    { name: 'strake, library', once: () => timed(() => engine.run(reference, ['true'])) },
    { name: 'strake run --rm', once: () => stopwatch.time(strake) },
    { name: '(node -e 0)', once: () => stopwatch.time([process.execPath, '-e', '0']) },
  );
  return writtenConfiguration(engine, reference, {}, async (pid) => {
    keepers.push(await keeper('strake-monitor', pid));
  });
}

async function addDaemons({
  held,
  folders,
  reference,
  stopwatch,
  contenders,
  keepers,
}: Bench): Promise<void> {
  if (!(await installed('containerd'))) return;
  const containerd = held.use(await startContainerd(folders));
  const ctr = ['ctr', '-a', containerd.socket];
  await mustRun('ctr', [...ctr.slice(1), 'images', 'pull', '--plain-http', reference]);
  contenders.push({
    name: 'ctr run --rm',
    once: () => stopwatch.time([...ctr, 'run', '--rm', reference, 'bench', 'true']),
  });
  if (!(await installed('dockerd'))) return;
  const { socket } = held.use(await startDocker(folders, containerd));
  const docker = ['docker', '-H', `unix://${socket}`];
  await mustRun('docker', [...docker.slice(1), 'pull', '-q', reference]);
  const api = dockerApi(socket);
  contenders.push(
    { name: 'dockerode: create, start, wait, remove', once: () => timed(() => runByApi(api, reference)) },
    {
      name: 'docker run --rm',
      once: () => stopwatch.time([...docker, 'run', '--rm', '--network', 'none', reference, 'true']),
    },
  );
  const waiting = await api.createContainer({
    Image: reference,
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none' },
  });
  await waiting.start();
  const { State } = await waiting.inspect();
  keepers.push(await keeper('containerd-shim-runc-v2', State.Pid));
  await waiting.remove({ force: true });
}

async function runByApi(api: DockerApi, reference: string): Promise<void> {
  const container = await api.createContainer({
    Image: reference,
    Cmd: ['true'],
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  await container.wait();
  await container.remove();
}

async function addPodman({ folders, reference, stopwatch, contenders, keepers }: Bench): Promise<void> {
  const podman = await podmanWith(folders, reference);
  if (podman === null) return;
  const [program = '', ...base] = podman;
  const argv = [program, ...base, 'run', '--rm', '--network', 'none', reference, 'true'];
  contenders.push({ name: 'podman run --rm', once: () => stopwatch.time(argv) });
  const id = (
    await mustRun(program, [...base, 'run', '-d', '--network', 'none', reference, 'sleep', '1000'])
  ).trim();
  const pid = Number(await mustRun(program, [...base, 'inspect', '-f', '{{.State.Pid}}', id]));
  keepers.push(await keeper('conmon (podman)', pid));
  await mustRun(program, [...base, 'rm', '-f', '-t', '0', id]);
}

/** The process that keeps a container is its init's parent. Looked at when it has come to rest. */
async function keeper(name: string, init: number): Promise<Keeper> {
  await delay(1000);
  return { name, kibibytes: await proportionalMemory(await parentOf(init)) };
}

function printKeepers(keepers: readonly Keeper[]): void {
  const reference = keepers[0]?.kibibytes ?? Number.NaN;
  const rows = keepers.map(({ name, kibibytes }) => [
    name,
    String(kibibytes),
    `${(kibibytes / reference).toFixed(2)} x`,
  ]);
  printTable('memory that waits beside one running container (PSS)', ['', 'KiB', 'ratio'], rows);
}
