/**
 * How long from an image in a registry to its files unpacked in a local store?
 *
 *     npx tsx bench/pull.ts [rounds]
 *
 * A Debian image of four layers, from a registry on loopback, into a store on an ext4 with a journal (a loop device over
 * memory, made here). Each pull begins with an empty store of its own. A second table adds what a power loss would take:
 * the time until everything has reached the disk (syncfs). Needs root and script/setup --tests.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { mountDisk } from './harness/disk.ts';
import { Held } from './harness/hold.ts';
import { type Contender, interleave, type Series, timed } from './harness/measure.ts';
import { openPullers, type Puller } from './harness/pullers.ts';
import { inSandbox } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';

await inSandbox(import.meta.filename, debianImage, async () => {
  const rounds = Number(process.argv[2] ?? 5);
  const image = await debianImage();
  const folder = makeFastFolder('bench');
  try {
    await using held = new Held();
    const registry = held.use(await startRegistry());
    const disk = held.use(await mountDisk(folder, 8));
    const reference = await registry.push(image, 'debian:12');
    const folders = { store: disk.path, run: join(folder, 'run') };
    await compare(await openPullers(held, folders, reference), disk.path, rounds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function compare(pullers: readonly Puller[], disk: string, rounds: number): Promise<void> {
  const durable = new Map<string, number[]>();
  const contenders = pullers.map((puller) => contender(puller, disk, durable));
  const series = await interleave(contenders, { rounds, warmups: 1 });
  printSeries('pull and unpack, as each one does it', series, 's');
  const synced = pullers.map(
    ({ name }): Series => ({ name, milliseconds: durable.get(name)?.slice(1) ?? [] }),
  );
  printSeries('and until all of it is on the disk (syncfs)', synced, 's');
}

function contender({ name, pull, remove }: Puller, disk: string, durable: Map<string, number[]>): Contender {
  const sync = (): Promise<string> => mustRun('sync', ['-f', disk]);
  const once = async (): Promise<number> => {
    await sync();
    const pulling = await timed(pull);
    const syncing = await timed(sync);
    durable.set(name, [...(durable.get(name) ?? []), pulling + syncing]);
    await remove();
    return pulling;
  };
  return { name, once };
}
