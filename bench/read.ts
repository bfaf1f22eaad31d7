/**
 * What does it cost to read a layer, whatever form it is kept in?
 *
 *     npx tsx bench/read.ts [rounds]
 *
 * One Debian image with Python and gcc on an ext4 with a journal (a loop device over memory, made here): as plain
 * directories, as its tar with strake's EROFS index, as an EROFS image of 4 KiB blocks (mkfs.erofs, uncompressed), and as
 * a container sees it, an overlay of four layers of either kind, and of docker's (overlay2). Programs run in it, warm and with cold caches. A last
 * table says how much page cache the same files take when a second container reads them. Needs root and script/setup --tests.
 */
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLayerSink, writeIndex } from '../bindings/layer.ts';
import { openEngine } from '../lib/engine/index.ts';
import type { LayerRef, Mount } from '../lib/mount/index.ts';
import { openSnapshotter } from '../lib/snapshots/index.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { mountDisk } from './harness/disk.ts';
import { Held } from './harness/hold.ts';
import { interleave } from './harness/measure.ts';
import { startContainerd, startDocker } from './harness/peers.ts';
import { installed, Stopwatch } from './harness/programs.ts';
import { checkout, inSandbox, runFolder } from './harness/sandbox.ts';
import { printSeries, printTable } from './harness/table.ts';

/** A root file system that programs run in. */
interface Root {
  readonly name: string;
  readonly path: string;
}

const program =
  '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <pthread.h>\n' +
  'int main(void) { puts("read"); return 0; }\n';

/** What is run in each root. */
const works: Readonly<Record<string, readonly string[]>> = {
  'python imports': [
    'python3',
    '-S',
    '-c',
    'import json, ssl, sqlite3, asyncio, http.client, email.mime.text, decimal',
  ],
  'gcc -O2': ['gcc', '-O2', '-o', '/tmp/out', '/tmp/main.c'],
  'find / -size +0': ['find', '/', '-xdev', '-size', '+0', '-name', 'no such name'],
  'grep -r in /usr/lib': ['sh', '-c', '! grep -rqs "no such text in any file" /usr/lib/python3 /usr/include'],
  'a large mapped program': ['gcc', '--help=optimizers'],
};

await inSandbox(import.meta.filename, debianImage, async () => {
  const rounds = Number(process.argv[2] ?? 7);
  const folder = makeFastFolder('bench');
  try {
    await using held = new Held();
    const disk = held.use(await mountDisk(folder, 8));
    const roots = await makeRoots(held, folder, disk.path);
    await compare(roots, rounds);
    await comparePageCache(disk.path, folder);
  } finally {
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
  }
});

/** Of this mount namespace, the last first. */
async function unmountBelow(folder: string): Promise<void> {
  const points = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const point of points.reverse().filter((path) => path.startsWith(`${folder}/`)))
    await mustRun('umount', ['-l', point]);
}

async function compare(roots: readonly Root[], rounds: number): Promise<void> {
  const stopwatch = await Stopwatch.start();
  for (const [name, argv] of Object.entries(works)) {
    for (const cold of [false, true]) {
      const contenders = roots.map(({ name: root, path }) => ({
        name: root,
        once: async () => {
          if (cold) await dropCaches();
          return stopwatch.time(['chroot', path, ...argv]);
        },
      }));
      const series = await interleave(contenders, {
        rounds: cold ? Math.ceil(rounds / 2) : rounds,
        warmups: cold ? 0 : 1,
      });
      printSeries(`${name}, ${cold ? 'cold' : 'warm'}`, series, 'ms');
    }
  }
  await stopwatch.close();
}

async function dropCaches(): Promise<void> {
  await mustRun('sync', []);
  await writeFile('/proc/sys/vm/drop_caches', '3');
}

async function makeRoots(held: Held, folder: string, disk: string): Promise<Root[]> {
  const image = await debianImage();
  await mustRun('umoci', ['unpack', '--image', `${image.folder}:${image.tag}`, join(disk, 'bundle')]);
  const plain = join(disk, 'bundle/rootfs');
  const tar = join(disk, 'image.tar');
  await mustRun('tar', ['--xattrs', '--format=pax', '--sort=name', '-C', plain, '-cf', tar, '.']);
  const mounts: [string, Mount][] = [
    ['plain directories', { type: 'directory', path: plain }],
    ['tar with EROFS index', { type: 'overlay', lower: [await indexed(disk, tar)] }],
  ];
  if (await installed('mkfs.erofs'))
    mounts.push(['EROFS of 4 KiB blocks', { type: 'overlay', lower: [await aligned(disk, plain)] }]);
  for (const layers of ['directory', 'erofs'] as const) {
    const name = layers === 'erofs' ? 'overlay, 4 tars with index' : 'overlay, 4 directories';
    mounts.push([name, await pulledView(held, join(disk, layers), layers)]);
  }
  if ((await installed('containerd')) && (await installed('dockerd')))
    mounts.push(['docker, overlay2', await dockerView(held, disk)]);
  const roots: Root[] = [];
  for (const [at, [name, mount]] of mounts.entries())
    roots.push({ name, path: await attach(mount, join(folder, `root${at}`)) });
  return roots;
}

/** The tar, copied and indexed as a pull does it. */
async function indexed(disk: string, source: string): Promise<LayerRef> {
  const files = { tar: join(disk, 'indexed.tar'), index: join(disk, 'indexed.erofs') };
  const digest = `sha256:${(await mustRun('sha256sum', [source])).slice(0, 64)}`;
  const file = await open(source);
  const { size } = await file.stat();
  await file.close();
  const limits = { maxBytes: 2 ** 40, maxEntries: 1e6 };
  const target = { tar: files.tar };
  const sink = await openLayerSink({
    partial: source,
    stored: 0,
    size,
    digest,
    compression: 'none',
    diffId: digest,
    target,
    limits,
  });
  const { index } = await sink.finish();
  if (index === null) throw new Error('no index');
  await writeIndex(index, { ...files, diffId: digest, chainId: digest, lowers: [] });
  return files;
}

async function aligned(disk: string, tree: string): Promise<LayerRef> {
  const image = join(disk, 'aligned.erofs');
  await mustRun('mkfs.erofs', ['-x', '1', image, tree]);
  return { index: image, tar: '' };
}

async function pulledView(held: Held, root: string, layers: 'directory' | 'erofs'): Promise<Mount> {
  await using registry = await startRegistry().then((started) => ({
    ...started,
    [Symbol.asyncDispose]: () => started.stop(),
  }));
  const engine = held.use(await openEngine({ root, layers }));
  const { chainId } = await engine.images.pull(await registry.push(await debianImage(), 'debian:12'));
  if (chainId === null) throw new Error('an image without layers');
  return openSnapshotter({ root: join(root, 'layers'), writable: join(root, 'containers'), layers }).view(
    chainId,
  );
}

/** The layers as docker keeps them. */
async function dockerView(held: Held, disk: string): Promise<Mount> {
  await using registry = await startRegistry();
  const folders = { store: disk, run: runFolder };
  const containerd = held.use(await startContainerd(folders));
  const docker = ['-H', `unix://${held.use(await startDocker(folders, containerd)).socket}`];
  const reference = await registry.push(await debianImage(), 'debian:12');
  await mustRun('docker', [...docker, 'pull', '-q', reference]);
  const { UpperDir: top, LowerDir: below } = JSON.parse(
    await mustRun('docker', [...docker, 'image', 'inspect', '-f', '{{json .GraphDriver.Data}}', reference]),
  );
  const lower = [top, ...below.split(':')].map((directory: string) => ({ directory }));
  return { type: 'overlay', lower };
}

/** In this mount namespace, with a /tmp to write to. */
async function attach(mount: Mount, path: string): Promise<string> {
  await mkdir(path);
  if (mount.type === 'directory') await mustRun('mount', ['--bind', mount.path, path]);
  else await attachLayers(mount.lower, path);
  await mustRun('mount', ['-t', 'tmpfs', 'tmpfs', join(path, 'tmp')]);
  await writeFile(join(path, 'tmp/main.c'), program);
  return path;
}

async function attachLayers(layers: readonly LayerRef[], path: string): Promise<void> {
  const [only] = layers;
  if (layers.length === 1 && only !== undefined && 'index' in only) return mountErofs(only, path);
  const lower = [];
  for (const [at, layer] of layers.entries()) {
    lower.push('directory' in layer ? layer.directory : `${path}-${at}`);
    await mountErofs(layer, `${path}-${at}`);
  }
  await mustRun('mount', ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${lower.join(':')}`, path]);
}

async function mountErofs(layer: LayerRef, path: string): Promise<void> {
  if (!('index' in layer)) return;
  await mkdir(path, { recursive: true });
  await mustRun('python3', [join(checkout, 'test/fixtures/mount-erofs.py'), layer.index, layer.tar, path]);
}

/** Every container mounts its layers anew, and EROFS in files keeps pages for each mount besides those of the file. */
async function comparePageCache(disk: string, folder: string): Promise<void> {
  const read = async (path: string) =>
    mustRun('sh', ['-c', `cat '${path}'/usr/bin/* >/dev/null 2>&1 || true`]);
  const rows = [];
  const forms: [string, Mount][] = [
    ['plain directories', { type: 'directory', path: join(disk, 'bundle/rootfs') }],
    [
      'tar with EROFS index',
      { type: 'overlay', lower: [{ index: join(disk, 'indexed.erofs'), tar: join(disk, 'indexed.tar') }] },
    ],
  ];
  for (const [name, mount] of forms) {
    await dropCaches();
    const before = await cachedMebibytes();
    const after = [];
    for (const at of [1, 2, 3]) {
      await read(await attach(mount, join(folder, `cache-${name.replaceAll(' ', '-')}-${at}`)));
      after.push((await cachedMebibytes()) - before);
    }
    rows.push([name, ...after.map((mebibytes) => mebibytes.toFixed(0))]);
  }
  printTable('page cache after 1, 2, 3 containers have read /usr/bin, MiB', ['', '1', '2', '3'], rows);
}

async function cachedMebibytes(): Promise<number> {
  const [, cached = '0'] = /^Cached: +(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? [];
  const [, buffers = '0'] = /^Buffers: +(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? [];
  return (Number(cached) + Number(buffers)) / 1024;
}
