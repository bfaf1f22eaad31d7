/**
 * How long until an image is gone from a local store?
 *
 *     npx tsx bench/delete.ts [rounds]
 *
 * The Debian image of four layers that bench/pull.ts pulls, in stores on an ext4 with a journal (a loop device over memory,
 * made here); what is removed has reached the disk before. A second table adds what remains to be written (syncfs). Needs
 * root and script/setup --tests.
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
    const pullers = await openPullers(held, { store: disk.path, run: join(folder, 'run') }, reference);
    await compare(pullers, disk.path, rounds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function compare(pullers: readonly Puller[], disk: string, rounds: number): Promise<void> {
  const durable = new Map<string, number[]>();
  const contenders = pullers.map((puller) => contender(puller, disk, durable));
  const series = await interleave(contenders, { rounds, warmups: 1 });
  printSeries('remove an image, as each one does it', series, 'ms');
  const synced = pullers.map(
    ({ name }): Series => ({ name, milliseconds: durable.get(name)?.slice(1) ?? [] }),
  );
  printSeries('and until the disk knows (syncfs)', synced, 'ms');
}

function contender({ name, pull, remove }: Puller, disk: string, durable: Map<string, number[]>): Contender {
  const sync = (): Promise<string> => mustRun('sync', ['-f', disk]);
  const once = async (): Promise<number> => {
    await pull();
    await sync();
    const removing = await timed(remove);
    durable.set(name, [...(durable.get(name) ?? []), removing + (await timed(sync))]);
    return removing;
  };
  return { name, once };
}
