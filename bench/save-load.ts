/**
 * How long from an archive to an image in a local store, and back?
 *
 *     npx tsx bench/save-load.ts [rounds]
 *
 * A Debian image of three layers as a docker-archive (layers uncompressed), on an ext4 with a journal (a loop device over
 * memory, made here). Every load begins with a store that does not have the image. A second table each adds what a power
 * loss would take (syncfs); processor time and memory are those of the command and of the daemons that work for it. The
 * floor is `cp`. Needs root, script/setup --tests and `npm run build`.
 */
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { type LayoutImage, writeLayout } from '../test/fixtures/oci-layout.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { forgetPeaks, peakMemory, pidsOf, processorTime } from './harness/daemon-usage.ts';
import { mountDisk } from './harness/disk.ts';
import { Held } from './harness/hold.ts';
import { interleave, quantile, timed } from './harness/measure.ts';
import { type PeerFolders, podman, startContainerd, startDocker } from './harness/peers.ts';
import { installed, Stopwatch, type Usage } from './harness/programs.ts';
import { checkout, inSandbox, runFolder } from './harness/sandbox.ts';
import { printSeries, printTable } from './harness/table.ts';

type Command = readonly string[];

/** One who loads and saves: how, and how what he has done goes again. */
interface Archiver {
  readonly name: string;
  readonly load: Command;
  readonly unload: Command;
  /** Undefined: he cannot. */
  readonly save?: Command;
  /** Programs that work for him beside the command. */
  readonly daemons?: readonly string[];
}

interface Measured extends Usage {
  /** Milliseconds until all of it was on the disk. */
  readonly durable: number;
}

const name = 'debian:12';

await inSandbox(import.meta.filename, debianImage, async () => {
  const rounds = Number(process.argv[2] ?? 3);
  const image = await debianImage();
  const folder = makeFastFolder('bench');
  try {
    await using held = new Held();
    const disk = held.use(await mountDisk(folder, 9));
    const archive = join(disk.path, 'archive.tar');
    const source = await withoutOddities(image, join(folder, 'layout'));
    await mustRun('skopeo', ['--insecure-policy', 'copy', '-q', source, `docker-archive:${archive}:${name}`]);
    const folders = { store: disk.path, run: runFolder };
    const archivers = [strake(folders), ...(await peers(held, folders, archive)), floor(folders, archive)];
    const all = archivers.map((one) =>
      one.load.length > 0 ? one : { ...one, load: strakeLoad(folders, archive) },
    );
    await compare(all, disk.path, rounds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** The image without its top layer: docker cannot save one of every odd thing that a layer can hold. */
async function withoutOddities({ folder }: LayoutImage, target: string): Promise<string> {
  const read = async (file: string) => JSON.parse(await readFile(join(folder, file), 'utf8'));
  const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;
  const manifest = await read(blob((await read('index.json')).manifests[0].digest));
  const files = await Promise.all(
    manifest.layers.slice(0, 3).map(async (layer: { digest: string; mediaType: string }, at: number) => {
      const file = `${target}-${at}.tar${layer.mediaType.endsWith('zstd') ? '.zst' : '.gz'}`;
      await copyFile(join(folder, blob(layer.digest)), file);
      return file;
    }),
  );
  const { reference } = await writeLayout(target, { layers: files });
  for (const file of files) await rm(file);
  return reference;
}

async function compare(archivers: readonly Archiver[], disk: string, rounds: number): Promise<void> {
  const stopwatch = await Stopwatch.start();
  const run = ([program = '', ...argv]: Command) => mustRun(program, argv);
  const measured = new Map<string, Measured[]>();
  const contenders = archivers.map((archiver) => ({
    name: archiver.name,
    once: async () => {
      await mustRun('sync', ['-f', disk]);
      const load = await measure(stopwatch, archiver, archiver.load, disk);
      keep(measured, `load ${archiver.name}`, load);
      if (archiver.save)
        keep(measured, `save ${archiver.name}`, await measure(stopwatch, archiver, archiver.save, disk));
      await run(archiver.unload);
      return load.milliseconds;
    },
  }));
  await interleave(contenders, { rounds, warmups: 1 });
  stopwatch.close();
  for (const verb of ['load', 'save']) print(verb, archivers, measured);
}

function keep(measured: Map<string, Measured[]>, key: string, one: Measured): void {
  measured.set(key, [...(measured.get(key) ?? []), one]);
}

async function measure(
  stopwatch: Stopwatch,
  { daemons = [] }: Archiver,
  command: Command,
  disk: string,
): Promise<Measured> {
  const pids = await pidsOf(daemons);
  await forgetPeaks(pids);
  const before = await processorTime(pids);
  const usage = await stopwatch.measure(command);
  const cpu = usage.cpu + (await processorTime(pids)) - before;
  const syncing = await timed(() => mustRun('sync', ['-f', disk]));
  const peak = usage.peak + (await peakMemory(pids));
  return { milliseconds: usage.milliseconds, cpu, peak, durable: usage.milliseconds + syncing };
}

function print(
  verb: string,
  archivers: readonly Archiver[],
  measured: ReadonlyMap<string, Measured[]>,
): void {
  // The first is the warm-up.
  const series = (value: (one: Measured) => number) =>
    archivers
      .filter(({ name }) => measured.has(`${verb} ${name}`))
      .map(({ name }) => ({
        name,
        milliseconds: (measured.get(`${verb} ${name}`) ?? []).slice(1).map(value),
      }));
  printSeries(
    `${verb}, as each one does it`,
    series(({ milliseconds }) => milliseconds),
    's',
  );
  printSeries(
    `${verb}, and until all of it is on the disk (syncfs)`,
    series(({ durable }) => durable),
    's',
  );
  printTable(
    `${verb}: what it takes`,
    ['', 'processor s', 'peak MB'],
    series(({ cpu }) => cpu).map(({ name, milliseconds }, at) => [
      name,
      (quantile(milliseconds, 0.5) / 1000).toFixed(2),
      (quantile(series(({ peak }) => peak)[at]?.milliseconds ?? [], 0.5) / 1024).toFixed(0),
    ]),
  );
}

function strake(folders: PeerFolders): Archiver {
  const base = strakeCommand(folders);
  return {
    name: 'strake',
    load: [],
    unload: [...base, 'rmi', name],
    save: [...base, 'save', '-o', join(folders.store, 'saved-strake.tar'), name],
  };
}

function strakeCommand({ store }: PeerFolders): Command {
  return [join(checkout, 'bin/strake'), '--root', join(store, 'strake')];
}

function strakeLoad(folders: PeerFolders, archive: string): Command {
  return [...strakeCommand(folders), 'load', '-q', '-i', archive];
}

async function peers(held: Held, folders: PeerFolders, archive: string): Promise<Archiver[]> {
  const found: Archiver[] = [];
  const saved = (who: string) => join(folders.store, `saved-${who}.tar`);
  if ((await installed('containerd')) && (await installed('dockerd'))) {
    const containerd = held.use(await startContainerd(folders));
    const docker = ['docker', '-H', `unix://${held.use(await startDocker(folders, containerd)).socket}`];
    found.push({
      name: 'docker',
      load: [...docker, 'load', '-q', '-i', archive],
      unload: [...docker, 'rmi', name],
      save: [...docker, 'save', '-o', saved('docker'), name],
      daemons: ['dockerd', 'containerd'],
    });
  }
  if (await installed('podman')) {
    const base = podman(folders);
    found.push({
      name: 'podman',
      load: [...base, 'load', '-q', '-i', archive],
      unload: [...base, 'rmi', '-f', name],
      save: [
        'sh',
        '-c',
        'rm -f "$0"; exec "$@"',
        saved('podman'),
        ...base,
        'save',
        '-q',
        '-o',
        saved('podman'),
        name,
      ],
    });
  }
  if (await installed('skopeo')) {
    const layout = join(folders.store, 'skopeo');
    const copy = ['skopeo', '--insecure-policy', 'copy', '-q'];
    const save = [...copy, `oci:${layout}:${name}`, `docker-archive:${saved('skopeo')}:${name}`];
    found.push({
      name: 'skopeo (to and from an OCI layout)',
      load: [...copy, `docker-archive:${archive}:${name}`, `oci:${layout}:${name}`],
      unload: ['rm', '-r', layout],
      save: ['sh', '-c', 'rm -f "$0"; exec "$@"', saved('skopeo'), ...save],
    });
  }
  return found;
}

function floor({ store }: PeerFolders, archive: string): Archiver {
  const copy = join(store, 'copy.tar');
  return { name: 'the floor: cp', load: ['cp', archive, copy], unload: ['rm', copy] };
}
