/**
 * How long from a layer's gzip blob on the disk to the layer in the store, power-loss-safe?
 *
 *     npx tsx bench/unpack.ts [rounds]
 *
 * The largest layer of a Debian image, on an ext4 with a journal (a loop device over memory, made here): as its tar with an
 * EROFS index, as a directory, by gzip and tar (followed by syncfs), and the floor
 * (`bench/floor-unpack.cc`). Needs root and script/setup --tests.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openLayerSink } from '../bindings/layer.ts';
import type { Descriptor, Digest } from '../lib/oci/index.ts';
import { directorySnapshotter, erofsSnapshotter, type Snapshotter } from '../lib/snapshots/index.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { keep, measureCost, nothing, printCosts, type Spent, type Workers } from './harness/cost.ts';
import { mountDisk } from './harness/disk.ts';
import { compileFloorUnpack } from './harness/floor-unpack.ts';
import { Held } from './harness/hold.ts';
import { type Contender, interleave } from './harness/measure.ts';
import { Stopwatch, type Usage } from './harness/programs.ts';
import { inSandbox } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';

/** One way to do it, and to be as before. */
interface Unpacker extends Workers {
  readonly name: string;
  unpack(): Promise<Spent>;
  remove(): Promise<unknown>;
}

interface Blob extends Pick<Descriptor, 'digest' | 'size'> {
  readonly path: string;
  readonly diffId: Digest;
}

await inSandbox(import.meta.filename, debianImage, async () => {
  const rounds = Number(process.argv[2] ?? 7);
  const folder = makeFastFolder('bench');
  try {
    await using held = new Held();
    const disk = held.use(await mountDisk(folder, 6));
    const blob = await largestLayer(disk.path);
    const stopwatch = await Stopwatch.start();
    held.add(() => stopwatch.close());
    const unpackers = [
      ours('strake, tar and EROFS index', erofsSnapshotter, blob, join(disk.path, 'erofs')),
      ours('strake, directory', directorySnapshotter, blob, join(disk.path, 'directory')),
      await floor(stopwatch, blob, join(disk.path, 'floor')),
      byTar(stopwatch, blob, join(disk.path, 'tar'), disk.path),
    ];
    const costs = new Map<string, Usage[]>(unpackers.map(({ name }) => [name, []]));
    const contenders = unpackers.map((unpacker) => contender(unpacker, costs));
    printSeries('a layer unpacked and synced', await interleave(contenders, { rounds, warmups: 1 }), 'ms');
    printCosts(costs);
    console.log('\ngoal: the floor at least 0.77 x (strake at most 1.3 times the floor)');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function contender(unpacker: Unpacker, costs: Map<string, Usage[]>): Contender {
  const once = async (): Promise<number> => {
    const cost = await measureCost(unpacker, () => unpacker.unpack());
    keep(costs, unpacker.name, cost);
    await unpacker.remove();
    return cost.milliseconds;
  };
  return { name: unpacker.name, once };
}

/** Copied to the disk, so that all read from the same one. */
async function largestLayer(disk: string): Promise<Blob> {
  const { folder } = await debianImage();
  const blobs = join(folder, 'blobs/sha256');
  const [, size = '0', name = ''] =
    /^(\d+) (\S+)/.exec(await mustRun('sh', ['-c', `cd '${blobs}' && stat -c '%s %n' * | sort -rn`])) ?? [];
  const path = join(disk, 'layer.tar.gz');
  await mustRun('cp', [join(blobs, name), path]);
  const diffId = (await mustRun('sh', ['-c', `gzip -dc '${path}' | sha256sum`])).slice(0, 64);
  return {
    path,
    size: Number(size),
    digest: `sha256:${name}` as Digest,
    diffId: `sha256:${diffId}` as Digest,
  };
}

function ours(
  name: string,
  open: (options: { root: string; writable: string }) => Snapshotter,
  blob: Blob,
  root: string,
): Unpacker {
  const layers = open({ root, writable: root });
  return {
    name,
    isHere: true,
    unpack: async () => {
      await commit(layers, blob);
      return nothing;
    },
    remove: () => layers.remove([blob.diffId]),
  };
}

async function commit(layers: Snapshotter, { path, size, digest, diffId }: Blob): Promise<void> {
  await using ingest = await layers.ingest(diffId);
  const { target } = ingest;
  const limits = { maxBytes: 2 ** 40, maxEntries: 1e6 };
  const sink = await openLayerSink({
    partial: path,
    stored: 0,
    size,
    digest,
    compression: 'gzip',
    diffId,
    target,
    limits,
  });
  const { implied, links, whiteouts, bytes, index } = await sink.finish();
  await ingest.stage({ parent: null, diffId, gaps: { implied, links, whiteouts }, bytes, index });
  await ingest.commit();
}

async function floor(stopwatch: Stopwatch, blob: Blob, output: string): Promise<Unpacker> {
  const program = await compileFloorUnpack();
  return {
    name: 'the floor: hash, igzip, hash, one write, fdatasync',
    unpack: () => stopwatch.measure([program, blob.path, output]),
    remove: () => rm(output),
  };
}

function byTar(stopwatch: Stopwatch, blob: Blob, folder: string, disk: string): Unpacker {
  const script = `mkdir '${folder}'; gzip -dc '${blob.path}' | tar -x -C '${folder}' && sync -f '${disk}'`;
  return {
    name: 'gzip -dc | tar x, syncfs',
    unpack: () => stopwatch.measure(['sh', '-ec', script]),
    remove: () => rm(folder, { recursive: true }),
  };
}
