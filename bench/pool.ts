/**
 * How long does a command take in a container that waits for it (engine.pool), and what does one that waits cost?
 *
 *     npx tsx bench/pool.ts [rounds]
 *
 * A busybox image's `true` without network, all stores in memory. "taken" is from the call to the answer that the command
 * has been executed (the execve's success, told by the monitor), "run" from the call to its output and exit code; the pool is full again before each round, so that
 * its making shows in none. The second table is the proportional set size of one monitor and one init that wait. Needs root
 * and script/setup --tests.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { busyboxImage } from '../test/fixtures/busybox-image.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { Held } from './harness/hold.ts';
import { interleave, timed } from './harness/measure.ts';
import { proportionalMemory } from './harness/memory.ts';
import { inSandbox } from './harness/sandbox.ts';
import { printSeries, printTable } from './harness/table.ts';

await inSandbox(import.meta.filename, busyboxImage, async () => {
  const rounds = Number(process.argv[2] ?? 30);
  await using held = new Held();
  const registry = held.use(await startRegistry());
  const reference = await registry.push(await busyboxImage(), 'busybox:latest');
  const { openEngine } = await import('strake');
  const engine = held.use(await openEngine({ root: join(makeFastFolder('bench'), 'strake') }));
  await engine.images.pull(reference);
  const pool = held.use(await engine.pool(reference, {}, { size: 2 }));
  /** Full, and at rest: as a pool is that waits for somebody. */
  const filled = async () => {
    await pool.filled();
    await delay(300);
  };
  const contenders = [
    {
      name: 'pool.take: taken',
      once: async () => {
        await filled();
        const began = performance.now();
        const container = await pool.take(['true']);
        const took = performance.now() - began;
        await container.attachment?.exited;
        return took;
      },
    },
    { name: 'pool.run', once: () => filled().then(() => timed(() => pool.run(['true']))) },
    { name: 'engine.run', once: () => filled().then(() => timed(() => engine.run(reference, ['true']))) },
  ];
  printSeries('a command in a container', await interleave(contenders, { rounds }), 'ms');
  await filled();
  await delay(1000); // a monitor gives back what it does not need
  const memory = (await waitingProcesses(engine.runDir)).map(proportionalMemory);
  const total = (await Promise.all(memory)).reduce((sum, kibibytes) => sum + kibibytes, 0);
  printTable(
    'memory of one container that waits (PSS)',
    ['', 'KiB'],
    [['monitor and init', String(Math.round(total / pool.size))]],
  );
});

/** Of all containers below a run directory: an init that waits still has its monitor's command line. */
async function waitingProcesses(runDir: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''));
  const found = await Promise.all(lines);
  return pids.filter((_, index) => found[index]?.includes(runDir)).map(Number);
}
