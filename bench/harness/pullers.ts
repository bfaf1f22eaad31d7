import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayoutImage } from '../../test/fixtures/oci-layout.ts';
import { mustRun } from '../../test/fixtures/run-program.ts';
import { nothing, type Spent, type Workers } from './cost.ts';
import { compileFloorUnpack } from './floor-unpack.ts';
import type { Held } from './hold.ts';
import { type PeerFolders, podman, startContainerd, startDocker } from './peers.ts';
import { installed, Stopwatch } from './programs.ts';
import { checkout } from './sandbox.ts';

/** One way to bring an image into a store: the job, and how the image goes from there again. */
export interface Puller extends Workers {
  readonly name: string;
  pull(): Promise<Spent>;
  remove(): Promise<Spent>;
}

/** Ours first: every ratio is to it. */
export async function openPullers(held: Held, folders: PeerFolders, reference: string): Promise<Puller[]> {
  const stopwatch = await Stopwatch.start();
  held.add(() => stopwatch.close());
  return [
    ...(await ours(held, stopwatch, folders, reference)),
    ...(await peers(held, stopwatch, folders, reference)),
  ];
}

async function ours(
  held: Held,
  stopwatch: Stopwatch,
  { store }: PeerFolders,
  reference: string,
): Promise<Puller[]> {
  const { openEngine } = await import('strake');
  const library = held.use(await openEngine({ root: join(store, 'strake-library') }));
  const root = join(store, 'strake-cli');
  const strake = [join(checkout, 'bin/strake'), '--root', root];
  return [
    {
      name: 'strake, library',
      isHere: true,
      pull: async () => {
        await library.images.pull(reference);
        return nothing;
      },
      remove: async () => {
        await library.images.remove(reference);
        return nothing;
      },
    },
    command(stopwatch, 'strake pull', [...strake, 'pull', '-q', reference], [...strake, 'rmi', reference]),
  ];
}

async function peers(
  held: Held,
  stopwatch: Stopwatch,
  folders: PeerFolders,
  reference: string,
): Promise<Puller[]> {
  const found: Puller[] = [];
  if (await installed('containerd')) {
    const containerd = held.use(await startContainerd(folders));
    const ctr = ['ctr', '-a', containerd.socket, 'images'];
    found.push(
      command(
        stopwatch,
        'ctr images pull',
        [...ctr, 'pull', '--plain-http', reference],
        [...ctr, 'rm', '--sync', reference],
        ['containerd'],
      ),
    );
    if (await installed('dockerd')) {
      const docker = ['docker', '-H', `unix://${held.use(await startDocker(folders, containerd)).socket}`];
      found.push(
        command(
          stopwatch,
          'docker pull',
          [...docker, 'pull', '-q', reference],
          [...docker, 'rmi', reference],
          ['dockerd', 'containerd'],
        ),
      );
    }
  }
  if (await installed('podman')) {
    const base = podman(folders);
    found.push(
      command(
        stopwatch,
        'podman pull',
        [...base, 'pull', '-q', '--tls-verify=false', reference],
        [...base, 'rmi', reference],
      ),
    );
  }
  if ((await installed('skopeo')) && (await installed('umoci')))
    found.push(await skopeoAndUmoci(stopwatch, folders, reference));
  return found;
}

function command(
  stopwatch: Stopwatch,
  name: string,
  pull: readonly string[],
  remove: readonly string[],
  daemons: readonly string[] = [],
): Puller {
  const run = (argv: readonly string[]): Promise<Spent> => stopwatch.measure(argv);
  return { name, daemons, pull: () => run(pull), remove: () => run(remove) };
}

/**
 * What no pull can do without, on two cores: the blobs, which are at hand, hashed, inflated, hashed and written once, side
 * by side and the largest first. No network, no tar, no index.
 */
export async function floorPuller({ store }: PeerFolders, image: LayoutImage): Promise<Puller> {
  const program = await compileFloorUnpack();
  const folder = join(store, 'floor');
  const blobs = join(image.folder, 'blobs/sha256');
  const largest = `cd '${blobs}' && for blob in $(ls -S); do if gzip -t $blob 2>/dev/null; then echo $blob; fi; done`;
  const layers = (await mustRun('sh', ['-c', largest])).trim().split('\n');
  return {
    name: 'the floor: hash, igzip, hash, one write',
    pull: async () => {
      await mkdir(folder);
      await Promise.all(layers.map((name) => mustRun(program, [join(blobs, name), join(folder, name)])));
      return nothing;
    },
    remove: async () => {
      await rm(folder, { recursive: true });
      return nothing;
    },
  };
}

async function skopeoAndUmoci(
  stopwatch: Stopwatch,
  { store }: PeerFolders,
  reference: string,
): Promise<Puller> {
  const folder = join(store, 'umoci');
  const layout = `oci:${folder}/layout:debian`;
  return {
    name: 'skopeo copy, umoci unpack',
    pull: async () => {
      await mkdir(folder);
      const copy = await stopwatch.measure([
        'skopeo',
        '--insecure-policy',
        'copy',
        '-q',
        '--src-tls-verify=false',
        `docker://${reference}`,
        layout,
      ]);
      const image = `${folder}/layout:debian`;
      const unpack = await stopwatch.measure(['umoci', 'unpack', '--image', image, `${folder}/bundle`]);
      return { cpu: copy.cpu + unpack.cpu, peak: Math.max(copy.peak, unpack.peak) };
    },
    remove: () => stopwatch.measure(['rm', '-r', folder]),
  };
}
