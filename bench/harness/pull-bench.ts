import { rm } from 'node:fs/promises';
import { makeFastFolder } from '../../test/fixtures/cache.ts';
import { debianImage } from '../../test/fixtures/debian-image.ts';
import { startRegistry } from '../../test/fixtures/registry.ts';
import { mustRun } from '../../test/fixtures/run-program.ts';
import { forgetPeaks, peakMemory, pidsOf, processorTime } from './daemon-usage.ts';
import { mountDisk } from './disk.ts';
import { Held } from './hold.ts';
import { type Contender, interleave, quantile, type Series, timed } from './measure.ts';
import { floorPuller, openPullers, type Puller, type Spent } from './pullers.ts';
import { inSandbox, runFolder } from './sandbox.ts';
import { printSeries, printTable } from './table.ts';

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

/** What a step took beside its milliseconds. */
interface Cost {
  /** Milliseconds until all of it was on the disk. */
  readonly durable: number;
  /** Milliseconds of processor time, of the command and of the daemons that work for it; not the registry's. */
  readonly cpu: number;
  /** KiB that they had at most; of the library, with the bench around it. */
  readonly peak: number;
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
  const costs = new Map<string, Cost[]>();
  const contenders = pullers.map((puller) => contender(bench, puller, disk, costs));
  const series = await interleave(contenders, { rounds, warmups: 1 });
  printSeries(bench.titles[0], series, bench.unit);
  const of = (value: (cost: Cost) => number): Series[] =>
    pullers.map(({ name }) => ({ name, milliseconds: (costs.get(name) ?? []).slice(1).map(value) }));
  printSeries(
    bench.titles[1],
    of(({ durable }) => durable),
    bench.unit,
  );
  printCosts(
    of(({ cpu }) => cpu),
    of(({ peak }) => peak),
  );
  console.log(`\ngoal: ${bench.goal}`);
}

function printCosts(cpu: readonly Series[], peak: readonly Series[]): void {
  const median = (series: Series | undefined) => quantile(series?.milliseconds ?? [], 0.5);
  const rows = cpu.map((series, at) => [
    series.name,
    (median(series) / 1000).toFixed(2),
    (median(peak[at]) / 1024).toFixed(0),
  ]);
  printTable('what it takes, with the daemons that work for it', ['', 'processor s', 'peak MB'], rows);
}

/** Everything that was there before has reached the disk when the measured step begins. */
function contender(bench: PullBench, puller: Puller, disk: string, costs: Map<string, Cost[]>): Contender {
  const sync = (): Promise<string> => mustRun('sync', ['-f', disk]);
  const once = async (): Promise<number> => {
    let own = 0;
    await bench.once(puller, async (step) => {
      await sync();
      const workers = await pidsOf(puller.daemons ?? []);
      const peaks = puller.isHere ? [process.pid] : workers;
      await forgetPeaks(peaks);
      const before = await processorTime([process.pid, ...workers]);
      let spent: Spent = { cpu: 0, peak: 0 };
      own = await timed(async () => {
        spent = await step();
      });
      const cpu = spent.cpu + (await processorTime([process.pid, ...workers])) - before;
      const peak = spent.peak + (await peakMemory(peaks));
      const cost = { durable: own + (await timed(sync)), cpu, peak };
      costs.set(puller.name, [...(costs.get(puller.name) ?? []), cost]);
    });
    return own;
  };
  return { name: puller.name, once };
}
