/**
 * How long from an image in a registry to its files unpacked in a local store?
 *
 *     npx tsx bench/pull.ts [rounds]
 *
 * A Debian image of four layers, from a registry on loopback, into a store on an ext4 with a journal (a loop device over
 * memory, made here). Each pull begins with an empty store of its own. A second table adds what a power loss would take:
 * the time until everything has reached the disk (syncfs). Needs root and script/setup --tests.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { mountDisk } from './harness/disk.ts';
import { Held } from './harness/hold.ts';
import { type Contender, interleave, type Series, timed } from './harness/measure.ts';
import { type PeerFolders, podman, startContainerd, startDocker } from './harness/peers.ts';
import { installed } from './harness/programs.ts';
import { checkout, inSandbox } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';

/** One way to pull: the job, and how its store becomes empty again. */
interface Puller {
  readonly name: string;
  pull(): Promise<unknown>;
  reset(): Promise<unknown>;
}

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
    const pullers = [...(await ours(held, folders, reference)), ...(await peers(held, folders, reference))];
    await compare(pullers, disk.path, rounds);
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

function contender({ name, pull, reset }: Puller, disk: string, durable: Map<string, number[]>): Contender {
  const sync = (): Promise<string> => mustRun('sync', ['-f', disk]);
  const once = async (): Promise<number> => {
    await sync();
    const pulling = await timed(pull);
    const syncing = await timed(sync);
    durable.set(name, [...(durable.get(name) ?? []), pulling + syncing]);
    await reset();
    return pulling;
  };
  return { name, once };
}

async function ours(held: Held, { store }: PeerFolders, reference: string): Promise<Puller[]> {
  const { openEngine } = await import('strake');
  const library = held.use(await openEngine({ root: join(store, 'strake-library') }));
  const root = join(store, 'strake-cli');
  const strake = [join(checkout, 'bin/strake'), '--root', root];
  return [
    {
      name: 'strake, library',
      pull: () => Promise.resolve(library.images.pull(reference)),
      reset: () => library.images.remove(reference),
    },
    command('strake pull', [...strake, 'pull', '-q', reference], [...strake, 'rmi', reference]),
  ];
}

async function peers(held: Held, folders: PeerFolders, reference: string): Promise<Puller[]> {
  const found: Puller[] = [];
  if (await installed('containerd')) {
    const containerd = held.use(await startContainerd(folders));
    const ctr = ['ctr', '-a', containerd.socket, 'images'];
    found.push(
      command(
        'ctr images pull',
        [...ctr, 'pull', '--plain-http', reference],
        [...ctr, 'rm', '--sync', reference],
      ),
    );
    if (await installed('dockerd')) {
      const docker = ['docker', '-H', `unix://${held.use(await startDocker(folders, containerd)).socket}`];
      found.push(command('docker pull', [...docker, 'pull', '-q', reference], [...docker, 'rmi', reference]));
    }
  }
  if (await installed('podman')) {
    const base = podman(folders);
    found.push(
      command(
        'podman pull',
        [...base, 'pull', '-q', '--tls-verify=false', reference],
        [...base, 'rmi', reference],
      ),
    );
  }
  if ((await installed('skopeo')) && (await installed('umoci')))
    found.push(await skopeoAndUmoci(folders, reference));
  return found;
}

function command(name: string, pull: readonly string[], reset: readonly string[]): Puller {
  const run = ([program = '', ...argv]: readonly string[]): Promise<string> => mustRun(program, argv);
  return { name, pull: () => run(pull), reset: () => run(reset) };
}

async function skopeoAndUmoci({ store }: PeerFolders, reference: string): Promise<Puller> {
  const folder = join(store, 'umoci');
  const layout = `oci:${folder}/layout:debian`;
  return {
    name: 'skopeo copy, umoci unpack',
    pull: async () => {
      await mkdir(folder);
      await mustRun('skopeo', [
        '--insecure-policy',
        'copy',
        '-q',
        '--src-tls-verify=false',
        `docker://${reference}`,
        layout,
      ]);
      await mustRun('umoci', ['unpack', '--image', `${folder}/layout:debian`, `${folder}/bundle`]);
    },
    reset: () => rm(folder, { recursive: true }),
  };
}
