/**
 * How long does a further command take in a container that runs?
 *
 *     npx tsx bench/exec.ts [rounds]
 *
 * `true` in a container of a busybox image that sleeps, without network, all stores in memory: executed, ended, its exit
 * code known. crun and runc execute in a container of the config.json that strake wrote, on a plain folder. nsenter joins
 * the namespaces only: no control group, no seccomp, all capabilities. Needs root and script/setup --tests.
 */

import { join } from 'node:path';
import { mustRun } from '../test/fixtures/run-program.ts';
import type { DockerContainer } from './harness/dockerode.ts';
import { type BenchGround, onBenchGround } from './harness/ground.ts';
import { type Contender, interleave, timed } from './harness/measure.ts';
import { runtimeExecContender, writtenConfiguration } from './harness/runtimes.ts';
import { checkout } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';
import { dockerWith, podmanWith } from './harness/with-image.ts';

interface Bench extends BenchGround {
  readonly contenders: Contender[];
}

await onBenchGround(import.meta.filename, async (ground) => {
  const rounds = Number(process.argv[2] ?? 30);
  const bench: Bench = { ...ground, contenders: [] };
  const configuration = await addStrake(bench);
  for (const runtime of ['crun', 'runc'])
    bench.contenders.push(...(await runtimeExecContender(runtime, bench.folder, configuration, bench)));
  await addDocker(bench);
  await addPodman(bench);
  printSeries('`true` in a container that runs', await interleave(bench.contenders, { rounds }), 'ms');
});

/** The library, the command line and nsenter, in one container; answers the config.json that the library wrote. */
async function addStrake({ held, folders, reference, stopwatch, contenders }: Bench): Promise<string> {
  const { openEngine } = await import('strake');
  const root = join(folders.store, 'strake');
  const engine = held.use(await openEngine({ root }));
  await engine.images.pull(reference);
  const made = await engine.containers.create(reference, { argv: ['sleep', '10000'] });
  const container = held.use(await made.start());
  const strake = [join(checkout, 'bin/strake'), '--root', root, 'exec', container.id, 'true'];
  const nsenter = ['nsenter', '--all', '--target', String(container.pid), '/bin/true'];
  contenders.push(
    { name: 'strake, library', once: () => timed(() => container.run(['true'])) },
    { name: 'strake exec', once: () => stopwatch.time(strake) },
    { name: '(node -e 0)', once: () => stopwatch.time([process.execPath, '-e', '0']) },
    { name: 'nsenter --all', once: () => stopwatch.time(nsenter) },
  );
  return writtenConfiguration(engine, reference);
}

async function addDocker({ held, folders, reference, stopwatch, contenders }: Bench): Promise<void> {
  const docker = await dockerWith(held, folders, reference);
  if (docker === null) return;
  const container = await docker.api.createContainer({
    Image: reference,
    Cmd: ['sleep', '10000'],
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  held.add(async () => {
    await container.remove({ force: true });
  });
  const exec = [...docker.argv, 'exec', container.id, 'true'];
  contenders.push(
    {
      name: 'dockerode: create, start, output, inspect',
      once: () => timed(() => execByApi(container)),
    },
    { name: 'docker exec', once: () => stopwatch.time(exec) },
  );
}

async function execByApi(container: DockerContainer): Promise<void> {
  const exec = await container.exec({ Cmd: ['true'], AttachStdout: true, AttachStderr: true });
  for await (const _ of await exec.start({}));
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`docker's exec ended with ${ExitCode}`);
}

async function addPodman({ held, folders, reference, stopwatch, contenders }: Bench): Promise<void> {
  const podman = await podmanWith(folders, reference);
  if (podman === null) return;
  const [program = '', ...base] = podman;
  const run = ['run', '-d', '--network', 'none', reference, 'sleep', '10000'];
  const id = (await mustRun(program, [...base, ...run])).trim();
  held.add(async () => {
    await mustRun(program, [...base, 'rm', '-f', '-t', '0', id]);
  });
  contenders.push({ name: 'podman exec', once: () => stopwatch.time([...podman, 'exec', id, 'true']) });
}
