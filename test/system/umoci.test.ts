import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { writeLayerDiff } from '../../bindings/layer.ts';
import { probeErofs } from '../../bindings/probe.ts';
import type { Mount } from '../../lib/mount/index.ts';
import { chainIds, type Digest, digestOf } from '../../lib/oci/index.ts';
import { directorySnapshotter, erofsSnapshotter, type Snapshotter } from '../../lib/snapshots/index.ts';
import { makeFastFolder } from '../fixtures/cache.ts';
import { commitTar } from '../fixtures/commit-tar.ts';
import { inMount } from '../fixtures/in-mount.ts';
import { writeLayout } from '../fixtures/oci-layout.ts';
import { RandomLayers } from '../fixtures/random-layers.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { richEntry } from '../fixtures/tar-formats.ts';

// Images of random layers, unpacked by umoci into plain files and by both snapshotters: the trees must be the same, to the
// nanosecond. STRAKE_UMOCI_SEEDS: how many (default 2000), from STRAKE_UMOCI_SEED on. Many lie side by side in one image,
// each below a directory of its own, for umoci takes its time to start.
const seeds = Number(process.env.STRAKE_UMOCI_SEEDS ?? 2000);
const firstSeed = Number(process.env.STRAKE_UMOCI_SEED ?? 0);
const perImage = 50;
const layersPerImage = 3;

const noErofs = probeErofs('/var/tmp');
const comparer = join(import.meta.dirname, '../fixtures/compare-trees.py');
const changer = join(import.meta.dirname, '../fixtures/random-changes.py');

test.serial(`${seeds} images of random layers are what umoci makes of them`, async (t) => {
  if (noErofs !== '') t.log(`in directories only, not in EROFS layers: ${noErofs}`);
  for (const [first, count] of batches(seeds)) {
    await using image = await Sample.make(first, count);
    for (const layers of image.snapshotters()) {
      const view = await layers.view(await image.commit(layers));
      same(t, inMount(view, `python3 '${comparer}' '${image.rootfs}' .`), layers.name);
    }
  }
});

test.serial(`the layers of ${seeds / 5} random changes are to umoci what the container saw`, async (t) => {
  for (const [first, count] of batches(seeds / 5)) {
    await using image = await Sample.make(first, count);
    for (const layers of image.snapshotters()) {
      const top = await image.commit(layers);
      const mount = await layers.prepare('changed', top);
      const seen = join(image.folder, `seen-${layers.name}`);
      inMount(mount, `python3 '${changer}' ${first} . && ${sameRoot} && cp -a . '${seen}'`);
      const diff = await diffOf(mount, await layers.view(top), join(image.folder, 'diff.tar'));
      await image.unpack([...image.tars, diff]);
      same(t, execFileSync('python3', [comparer, seen, image.rootfs], { encoding: 'utf8' }), layers.name);
    }
  }
});

function* batches(total: number): Generator<[first: number, count: number]> {
  for (let at = 0; at < total; at += perImage) yield [firstSeed + at, Math.min(perImage, total - at)];
}

function same(t: ExecutionContext, compared: string, name: string): void {
  const { paths, different } = JSON.parse(compared);
  t.true(paths > 2);
  t.deepEqual(
    different,
    [],
    `${name}: [path, expected, actual]; seed N alone: STRAKE_UMOCI_SEED=N STRAKE_UMOCI_SEEDS=1`,
  );
}

/** The tar of what an upper directory has changed. */
async function diffOf(mount: Mount, below: Mount, output: string): Promise<Buffer> {
  const { upper } = mount as Mount & { type: 'overlay' };
  await writeLayerDiff({ upper: upper as string, below, mountPoints: [], output });
  const tar = readFileSync(output);
  rmSync(output);
  return tar;
}

const root = richEntry({ path: './', type: '5', mode: 0o711, uid: 1, gid: 2, mtime: 77n }, 'pax');

/** A root's time is that of the upper directory's making, and no change of the container's. */
const sameRoot = 'touch -d @0.000000077 .';

/** Images of some seeds side by side, and what umoci makes of them. */
class Sample implements AsyncDisposable {
  readonly folder = makeFastFolder('umoci');
  /** EROFS layers need a disk. */
  readonly disk = mkdtempSync('/var/tmp/strake-test-');
  readonly tars: readonly Buffer[];
  readonly rootfs: string;

  constructor(first: number, count: number) {
    this.rootfs = join(this.folder, 'rootfs');
    const images = Array.from(
      { length: count },
      (_, at) => new RandomLayers(first + at, `seed${first + at}`),
    );
    this.tars = Array.from({ length: layersPerImage }, () =>
      Buffer.concat([root, ...images.map((image) => image.next()), Buffer.alloc(1024)]),
    );
  }

  static async make(first: number, count: number): Promise<Sample> {
    const sample = new Sample(first, count);
    await sample.unpack(sample.tars);
    return sample;
  }

  /** Lets umoci unpack an image of these layers into `rootfs`. */
  async unpack(tars: readonly Buffer[]): Promise<void> {
    const layout = join(this.folder, 'layout');
    for (const path of [this.rootfs, layout]) rmSync(path, { recursive: true, force: true });
    const files = tars.map((_, at) => join(this.folder, `${at}.tar`));
    for (const [at, file] of files.entries()) writeFileSync(file, tars[at] as Buffer);
    await writeLayout(layout, { layers: files });
    await mustRun('umoci', ['raw', 'unpack', '--image', `${layout}:latest`, this.rootfs]);
  }

  snapshotters(): Snapshotter[] {
    const below = (folder: string) => ({
      root: join(folder, 'layers'),
      writable: join(folder, 'containers'),
    });
    const directories = directorySnapshotter(below(this.folder));
    return noErofs === '' ? [directories, erofsSnapshotter(below(this.disk))] : [directories];
  }

  /** The chainId of the uppermost layer. */
  async commit(layers: Snapshotter): Promise<Digest> {
    let parent: Digest | null = null;
    for (const [at, chainId] of chainIds(this.tars.map((tar) => digestOf(tar))).entries()) {
      await commitTar(layers, chainId, parent, this.tars[at] as Buffer);
      parent = chainId;
    }
    return parent as unknown as Digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of [this.folder, this.disk]) rmSync(folder, { recursive: true, force: true });
  }
}
