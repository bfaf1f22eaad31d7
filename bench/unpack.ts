/**
 * How long from a layer's gzip blob on the disk to the layer in the store, power-loss-safe?
 *
 *     npx tsx bench/unpack.ts [rounds]
 *
 * The largest layer of a Debian image, on an ext4 with a journal (a loop device over memory, made here): as its tar with an
 * EROFS index, as a directory, by gzip and tar (followed by syncfs), and the floor
 * (`bench/floor-unpack.cc`). Needs root and script/setup --tests.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openLayerSink } from '../bindings/layer.ts';
import type { Descriptor, Digest } from '../lib/oci/index.ts';
import { directorySnapshotter, erofsSnapshotter, type Snapshotter } from '../lib/snapshots/index.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { mountDisk } from './harness/disk.ts';
import { compileFloorUnpack } from './harness/floor-unpack.ts';
import { Held } from './harness/hold.ts';
import { type Contender, interleave, timed } from './harness/measure.ts';
import { inSandbox } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';

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
    const contenders = [
      ours('strake, tar and EROFS index', erofsSnapshotter, blob, join(disk.path, 'erofs')),
      ours('strake, directory', directorySnapshotter, blob, join(disk.path, 'directory')),
      await floor(blob, join(disk.path, 'floor')),
      byTar(blob, join(disk.path, 'tar'), disk.path),
    ];
    printSeries('a layer unpacked and synced', await interleave(contenders, { rounds, warmups: 1 }), 'ms');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

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
): Contender {
  const layers = open({ root, writable: root });
  const once = async () => {
    const took = await timed(() => commit(layers, blob));
    await layers.remove([blob.diffId]);
    return took;
  };
  return { name, once };
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

async function floor(blob: Blob, output: string): Promise<Contender> {
  const program = await compileFloorUnpack();
  const once = async () => {
    const took = await timed(() => mustRun(program, [blob.path, output]));
    await rm(output);
    return took;
  };
  return { name: 'the floor: hash, igzip, hash, one write, fdatasync', once };
}

function byTar(blob: Blob, folder: string, disk: string): Contender {
  const once = async () => {
    await mkdir(folder);
    const script = `gzip -dc '${blob.path}' | tar -x -C '${folder}' && sync -f '${disk}'`;
    const took = await timed(() => mustRun('sh', ['-ec', script]));
    await rm(folder, { recursive: true });
    return took;
  };
  return { name: 'gzip -dc | tar x, syncfs', once };
}
