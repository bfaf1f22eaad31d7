import { mkdir, readdir, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Daemon, startDaemon } from '../../test/fixtures/daemon.ts';

/** Where a peer keeps what it stores, and what it may lose. */
export interface PeerFolders {
  readonly store: string;
  readonly run: string;
}

/** containerd with everything in the folders given and nothing of CRI. */
export async function startContainerd({ store, run }: PeerFolders): Promise<Daemon> {
  const socket = join(run, 'containerd.sock');
  const config = [
    'version = 2',
    `root = "${store}/containerd"`,
    `state = "${run}/containerd"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\naddress = "${socket}"`,
    `[ttrpc]\naddress = "${run}/containerd.ttrpc"`,
  ];
  await mkdir(run, { recursive: true });
  await writeFile(join(run, 'containerd.toml'), `${config.join('\n')}\n`);
  const argv = ['containerd', '-c', join(run, 'containerd.toml')];
  return startDaemon({ argv, socket, folder: run, ready: ['ctr', '-a', socket, 'version'] });
}

/** dockerd without any network of its own, on the containerd given. */
export async function startDocker({ store, run }: PeerFolders, containerd: Daemon): Promise<Daemon> {
  const socket = join(run, 'docker.sock');
  const argv = [
    'dockerd',
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    `--data-root=${store}/docker`,
    `--exec-root=${run}/docker`,
    `--pidfile=${run}/docker.pid`,
    `--host=unix://${socket}`,
    `--containerd=${containerd.socket}`,
    '--storage-driver=overlay2',
  ];
  const ready = ['docker', '-H', `unix://${socket}`, 'version'];
  return startDaemon({ argv, socket, folder: run, ready });
}

/** podman's command with everything in the folders given. */
export function podman({ store, run }: PeerFolders): string[] {
  const folders = [
    '--root',
    `${store}/podman`,
    '--runroot',
    '/dev/shm/podman', // the sandbox's own; podman takes at most 50 characters
    '--tmpdir',
    `${run}/podman-tmp`,
  ];
  return [
    'podman',
    ...folders,
    '--storage-driver=overlay',
    '--cgroup-manager=cgroupfs',
    '--events-backend=none',
  ];
}

const peersGroups = ['docker', 'default', 'libpod_parent', 'strake-bench'];

/** Removes the empty control groups that the peers leave. Their processes must have ended. */
export async function removePeersGroups(): Promise<void> {
  for (const hierarchy of await readdir('/sys/fs/cgroup')) {
    for (const name of peersGroups) await removeGroup(join('/sys/fs/cgroup', hierarchy, name));
  }
}

async function removeGroup(folder: string): Promise<void> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(folder, entry.name));
  }
  await rmdir(folder).catch(() => {});
}
