import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFastFolder } from '../../test/fixtures/cache.ts';
import { debianImage } from '../../test/fixtures/debian-image.ts';
import { startRegistry } from '../../test/fixtures/registry.ts';
import { mustRun } from '../../test/fixtures/run-program.ts';
import { mountDisk } from './disk.ts';
import { Held } from './hold.ts';
import { type Contender, interleave, type Series, timed } from './measure.ts';
import { openPullers, type Puller } from './pullers.ts';
import { inSandbox } from './sandbox.ts';
import { printSeries } from './table.ts';

/** What is measured of an image that comes and goes. */
export interface PullBench {
  /** The bench's own file: it is run again in a sandbox. */
  readonly file: string;
  /** Of the table, and of the one that adds what a power loss would take. */
  readonly titles: readonly [string, string];
  readonly unit: 'ms' | 's';
  /** Makes the image come and go once. `measure` is called for the one step that counts. */
  once(puller: Puller, measure: (step: () => Promise<unknown>) => Promise<void>): Promise<void>;
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
      const pullers = await openPullers(held, { store: disk.path, run: join(folder, 'run') }, reference);
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
  const durable = new Map<string, number[]>();
  const contenders = pullers.map((puller) => contender(bench, puller, disk, durable));
  const series = await interleave(contenders, { rounds, warmups: 1 });
  printSeries(bench.titles[0], series, bench.unit);
  const synced = pullers.map(
    ({ name }): Series => ({ name, milliseconds: durable.get(name)?.slice(1) ?? [] }),
  );
  printSeries(bench.titles[1], synced, bench.unit);
}

/** Everything that was there before has reached the disk when the measured step begins. */
function contender(
  bench: PullBench,
  puller: Puller,
  disk: string,
  durable: Map<string, number[]>,
): Contender {
  const sync = (): Promise<string> => mustRun('sync', ['-f', disk]);
  const once = async (): Promise<number> => {
    let own = 0;
    await bench.once(puller, async (step) => {
      await sync();
      own = await timed(step);
      durable.set(puller.name, [...(durable.get(puller.name) ?? []), own + (await timed(sync))]);
    });
    return own;
  };
  return { name: puller.name, once };
}
