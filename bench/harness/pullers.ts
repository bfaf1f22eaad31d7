import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../../test/fixtures/run-program.ts';
import type { Held } from './hold.ts';
import { type PeerFolders, podman, startContainerd, startDocker } from './peers.ts';
import { installed } from './programs.ts';
import { checkout } from './sandbox.ts';

/** One way to bring an image into a store: the job, and how the image goes from there again. */
export interface Puller {
  readonly name: string;
  pull(): Promise<unknown>;
  remove(): Promise<unknown>;
}

/** Ours first: every ratio is to it. */
export async function openPullers(held: Held, folders: PeerFolders, reference: string): Promise<Puller[]> {
  return [...(await ours(held, folders, reference)), ...(await peers(held, folders, reference))];
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
      remove: () => library.images.remove(reference),
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

function command(name: string, pull: readonly string[], remove: readonly string[]): Puller {
  const run = ([program = '', ...argv]: readonly string[]): Promise<string> => mustRun(program, argv);
  return { name, pull: () => run(pull), remove: () => run(remove) };
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
    remove: () => rm(folder, { recursive: true }),
  };
}
