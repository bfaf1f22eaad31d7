import { rm } from 'node:fs/promises';
import { makeFastFolder } from '../../test/fixtures/cache.ts';
import { debianImage } from '../../test/fixtures/debian-image.ts';
import { startRegistry } from '../../test/fixtures/registry.ts';
import { mustRun } from '../../test/fixtures/run-program.ts';
import { keep, measureCost, printCosts, type Spent, seriesOf } from './cost.ts';
import { mountDisk } from './disk.ts';
import { Held } from './hold.ts';
import { type Contender, interleave, timed } from './measure.ts';
import type { Usage } from './programs.ts';
import { floorPuller, openPullers, type Puller } from './pullers.ts';
import { inSandbox, runFolder } from './sandbox.ts';
import { printSeries } from './table.ts';

/** What is measured of an image that comes and goes. */
export interface PullBench {
  /** The bench's own file: it is run again in a sandbox. */
  readonly file: string;
  /** Of the table, and of the one that adds what a power loss would take. */
  readonly titles: readonly [string, string];
  readonly unit: 'ms' | 's';
  /** What the ratios are to be. */
  readonly goal: string;
  /** Whether the unavoidable work is compared, too. */
  readonly withFloor: boolean;
  /** Makes the image come and go once. `measure` is called for the one step that counts. */
  once(puller: Puller, measure: (step: () => Promise<Spent>) => Promise<void>): Promise<void>;
}

interface Cost extends Usage {
  /** Milliseconds until all of it was on the disk. */
  readonly durable: number;
}

/** The Debian image of four layers, a registry on loopback, an ext4 with a journal, and whoever is installed. */
export async function benchPullers(bench: PullBench): Promise<void> {
  await inSandbox(bench.file, debianImage, async () => {
    const rounds = Number(process.argv[2] ?? 5);
    const image = await debianImage();
    const folder = makeFastFolder('bench');
    try {
      await using held = new Held();
      const registry = held.use(await startRegistry());
      const disk = held.use(await mountDisk(folder, 8));
      const reference = await registry.push(image, 'debian:12');
      const folders = { store: disk.path, run: runFolder };
      const pullers = await openPullers(held, folders, reference);
      if (bench.withFloor) pullers.push(await floorPuller(folders, image));
      await compare(bench, pullers, disk.path, rounds);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function compare(
  bench: PullBench,
  pullers: readonly Puller[],
  disk: string,
  rounds: number,
): Promise<void> {
  const costs = new Map<string, Cost[]>(pullers.map(({ name }) => [name, []]));
  const contenders = pullers.map((puller) => contender(bench, puller, disk, costs));
  printSeries(bench.titles[0], await interleave(contenders, { rounds, warmups: 1 }), bench.unit);
  const durable = seriesOf(costs, (cost) => cost.durable);
  printSeries(bench.titles[1], durable, bench.unit);
  printCosts(costs);
  console.log(`\ngoal: ${bench.goal}`);
}

/** Everything that was there before has reached the disk when the measured step begins. */
function contender(bench: PullBench, puller: Puller, disk: string, costs: Map<string, Cost[]>): Contender {
  const sync = (): Promise<string> => mustRun('sync', ['-f', disk]);
  const once = async (): Promise<number> => {
    let own = 0;
    await bench.once(puller, async (step) => {
      await sync();
      const cost = await measureCost(puller, step);
      own = cost.milliseconds;
      keep(costs, puller.name, { ...cost, durable: own + (await timed(sync)) });
    });
    return own;
  };
  return { name: puller.name, once };
}
