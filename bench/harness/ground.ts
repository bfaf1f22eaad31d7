import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { busyboxImage } from '../../test/fixtures/busybox-image.ts';
import { makeFastFolder } from '../../test/fixtures/cache.ts';
import { startRegistry } from '../../test/fixtures/registry.ts';
import { Held } from './hold.ts';
import { type PeerFolders, removePeersGroups } from './peers.ts';
import { Stopwatch } from './programs.ts';
import { inSandbox, runFolder } from './sandbox.ts';

/** What a bench of containers stands on: a registry that has a busybox image, and empty stores in memory. */
export interface BenchGround {
  /** Ends with the bench. */
  readonly held: Held;
  /** For whatever else; the stores are elsewhere in it. */
  readonly folder: string;
  readonly folders: PeerFolders;
  readonly reference: string;
  readonly stopwatch: Stopwatch;
}

/** Runs a bench in a sandbox of its own (inSandbox), and ends whatever it started. */
export async function onBenchGround(
  file: string,
  bench: (ground: BenchGround) => Promise<void>,
): Promise<void> {
  await inSandbox(file, busyboxImage, async () => {
    {
      await using held = new Held();
      await bench(await openGround(held));
    }
    await removePeersGroups();
  });
}

async function openGround(held: Held): Promise<BenchGround> {
  const folder = makeFastFolder('bench');
  const folders = { store: join(folder, 'store'), run: runFolder };
  await mkdir(folders.store);
  await mkdir(folders.run);
  const registry = held.use(await startRegistry());
  const reference = await registry.push(await busyboxImage(), 'busybox:latest');
  const stopwatch = await Stopwatch.start();
  held.add(() => stopwatch.close());
  return { held, folder, folders, reference, stopwatch };
}
