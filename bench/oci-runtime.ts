/**
 * How long does an OCI runtime's `run` take, of a container that does nothing?
 *
 *     npx tsx bench/oci-runtime.ts [rounds]
 *
 * Each runtime that is installed gets the same bundle: the config.json that docker would write for busybox's `true`, as the
 * library writes it too, with all namespaces, docker's capabilities and seccomp profile, and limits of memory,
 * processors and processes; a plain folder in memory is its root. The floor is bench/floor.c, the system calls that nobody
 * can leave out. Needs root; script/setup --tests installs crun and runc.
 */
import { join } from 'node:path';
import { busyboxImage } from '../test/fixtures/busybox-image.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { Held } from './harness/hold.ts';
import { interleave } from './harness/measure.ts';
import { removePeersGroups } from './harness/peers.ts';
import { Stopwatch } from './harness/programs.ts';
import { floorContender, runtimeContender, writtenConfiguration } from './harness/runtimes.ts';
import { checkout, inSandbox } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';

const ours = join(checkout, 'build/Release/strake-runtime');

await inSandbox(import.meta.filename, busyboxImage, async () => {
  const rounds = Number(process.argv[2] ?? 30);
  const folder = makeFastFolder('bench');
  {
    await using held = new Held();
    const configuration = await hardened(held, join(folder, 'strake'));
    const stopwatch = await Stopwatch.start();
    held.add(() => stopwatch.close());
    const runtimes = [ours, 'crun', 'runc'].map((program) =>
      runtimeContender(program, folder, configuration, stopwatch),
    );
    const contenders = [...(await Promise.all(runtimes)).flat(), await floorContender(folder, held)];
    printSeries('a container that does nothing, by run', await interleave(contenders, { rounds }), 'ms');
  }
  await removePeersGroups();
});

/** What the library writes, and so docker too: all namespaces, capabilities, seccomp profile, masked paths, limits. */
async function hardened(held: Held, root: string): Promise<string> {
  const registry = held.use(await startRegistry());
  const reference = await registry.push(await busyboxImage(), 'busybox:latest');
  const { openEngine } = await import('strake');
  const engine = held.use(await openEngine({ root }));
  await engine.images.pull(reference);
  const limits = { memory: '64m', cpus: 0.5, pids: 100 };
  return writtenConfiguration(engine, reference, { limits });
}
