/**
 * How do a layer and an image grow: with their bytes, their files, and their layers?
 *
 *     npx tsx bench/growth.ts [GiB of the largest layer] [files of the fullest] [layers of the highest]
 *
 * By default 2 GiB, 1 000 000 files and 500 layers (overlayfs stacks no more; an image of more is refused, which is shown). Each image is
 * loaded from an OCI layout into a store on an ext4 with a journal (a loop device over memory, made here), durably; its
 * first container mounts it, a second one finds it mounted; then it is removed. Memory is what this program grows by at most
 * while it loads. The floor of files is `tar -x` and syncfs. Needs root, script/setup --tests, and memory for twice the layer.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, openEngine } from '../lib/engine/index.ts';
import { busyboxTree } from '../test/fixtures/busybox-image.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { writeLayout } from '../test/fixtures/oci-layout.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { forgetPeaks, peakMemory } from './harness/daemon-usage.ts';
import { mountDisk } from './harness/disk.ts';
import { writeEmptyFiles, writeLargeFile } from './harness/grown-tars.ts';
import { Held } from './harness/hold.ts';
import { timed } from './harness/measure.ts';
import { inSandbox } from './harness/sandbox.ts';
import { printTable } from './harness/table.ts';

const name = 'grown:1';
const [gibibytes = 2, files = 1_000_000, layers = 500] = process.argv.slice(2).map(Number);

interface Ground {
  readonly folder: string;
  readonly disk: string;
  readonly base: string;
  readonly engine: Engine;
}

/** Writes the tars of an image above the base; answers them, and what it costs to unpack them as files. */
type Make = (folder: string, count: number) => Promise<{ tars: string[]; floor?: () => Promise<number> }>;

const largeLayer: Make = async (folder, bytes) => {
  const tar = join(folder, 'large.tar');
  await writeLargeFile(tar, bytes);
  await mustRun('gzip', ['-1', tar]);
  return { tars: [`${tar}.gz`] };
};

const fullLayer: Make = async (folder, count) => {
  const tar = join(folder, 'full.tar');
  await writeEmptyFiles(tar, count);
  const target = join(folder, '../disk/floor');
  const unpack = `mkdir '${target}' && tar -C '${target}' -xf '${tar}' && sync -f '${target}'`;
  const floor = async (): Promise<number> => {
    const took = await timed(() => mustRun('sh', ['-c', unpack]));
    await rm(target, { recursive: true });
    return took;
  };
  return count > 100_000 ? { tars: [tar] } : { tars: [tar], floor };
};

const manyLayers: Make = async (folder, count) => ({
  tars: await Promise.all(
    Array.from({ length: count - 1 }, async (_, at) => {
      const tar = join(folder, `${at}.tar`);
      await writeEmptyFiles(tar, 1, `layer-${at}`);
      return tar;
    }),
  ),
});

await inSandbox(
  import.meta.filename,
  async () => {},
  async () => {
    const folder = makeFastFolder('bench');
    try {
      await using held = new Held();
      const { path: disk } = held.use(await mountDisk(folder, 2 * gibibytes + 4));
      const base = join(folder, 'base.tar');
      await busyboxTree(join(folder, 'base'));
      await mustRun('tar', ['-C', join(folder, 'base'), '-cf', base, '.']);
      const engine = held.use(await openEngine({ root: join(disk, 'strake') }));
      const ground = { folder, disk, base, engine };
      await grow(ground, []); // a warm-up
      await table(ground, 'bytes in one layer', sizesTo(gibibytes), largeLayer);
      await table(ground, 'files in one layer', stepsTo(files), fullLayer);
      await table(ground, 'layers of one file', stepsTo(layers), manyLayers);
      await showRefusal(ground);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

/** From 64 MiB on, by factors of 8. */
function sizesTo(most: number): number[] {
  return [1 / 16, 1 / 2, most].filter((size) => size <= most).map((size) => size * 2 ** 30);
}

function stepsTo(most: number): number[] {
  return [1, 100, 10_000, most].filter((step, at, all) => step <= most && all.indexOf(step) === at);
}

async function table(ground: Ground, title: string, counts: readonly number[], make: Make): Promise<void> {
  const rows = [];
  for (const count of counts) {
    const folder = join(ground.folder, 'made');
    await mkdir(folder);
    const { tars, floor } = await make(folder, count);
    const floorTime = floor ? ((await floor()) / 1000).toFixed(2) : '';
    rows.push([count.toLocaleString('en'), ...(await grow(ground, tars)), floorTime]);
    await rm(folder, { recursive: true });
  }
  const head = ['load s', 'MiB it grows', 'index MiB', '1st start ms', '2nd', 'remove ms', 'tar -x s'];
  printTable(title, ['', ...head], rows);
}

/** Loads, starts twice and removes an image of these layers above the base; answers the cells of its row. */
async function grow({ folder, disk, base, engine }: Ground, tars: readonly string[]): Promise<string[]> {
  const layout = join(folder, 'layout');
  const image = await writeLayout(layout, { tag: 'grown', layers: [base, ...tars] });
  await mustRun('sync', ['-f', disk]);
  await forgetPeaks([process.pid]);
  const before = process.memoryUsage.rss() / 1024;
  const load = await timed(async () => engine.images.copy(image.reference, name));
  const grown = (await peakMemory([process.pid])) - before;
  const index = await indexBytes(join(disk, 'strake/layers/layers'));
  const starts = [await start(engine), await start(engine)];
  await mustRun('sync', ['-f', disk]);
  const removal = await timed(() => engine.images.remove(name));
  await rm(layout, { recursive: true });
  const times = [...starts, removal].map((milliseconds) => milliseconds.toFixed(1));
  return [(load / 1000).toFixed(2), (grown / 1024).toFixed(0), (index / 2 ** 20).toFixed(1), ...times];
}

function start(engine: Engine): Promise<number> {
  return timed(() => engine.run(name, ['true']));
}

async function indexBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map((layer) =>
    stat(join(folder, layer, 'index.erofs')).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** What is said of more layers than overlayfs stacks. */
async function showRefusal(ground: Ground): Promise<void> {
  const folder = join(ground.folder, 'made');
  await mkdir(folder);
  const { tars } = await manyLayers(folder, 1000);
  const refused = await grow(ground, tars).catch((error: Error) => error.message);
  console.log(`\nof 1,000 layers: ${refused}`);
}
