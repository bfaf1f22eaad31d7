import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runProgram } from '../../test/fixtures/run-program.ts';

/** Where a peer keeps what it stores, and what it may lose. */
export interface PeerFolders {
  readonly store: string;
  readonly run: string;
}

export interface Daemon extends AsyncDisposable {
  /** A unix socket's path. */
  readonly socket: string;
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
  return startDaemon('containerd', ['-c', join(run, 'containerd.toml')], run, socket, [
    'ctr',
    '-a',
    socket,
    'version',
  ]);
}

/** dockerd without any network of its own, on the containerd given. */
export async function startDocker({ store, run }: PeerFolders, containerd: Daemon): Promise<Daemon> {
  const socket = join(run, 'docker.sock');
  const argv = [
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
  return startDaemon('dockerd', argv, run, socket, ['docker', '-H', `unix://${socket}`, 'version']);
}

/** podman's command with everything in the folders given. */
export function podman({ store, run }: PeerFolders): string[] {
  const folders = [
    '--root',
    `${store}/podman`,
    '--runroot',
    `${run}/podman`,
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

async function startDaemon(
  program: string,
  argv: readonly string[],
  run: string,
  socket: string,
  ready: readonly string[],
): Promise<Daemon> {
  const log = await open(join(run, `${program}.log`), 'w');
  const child = spawn(program, argv, { stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  await answers(child, program, run, ready);
  return { socket, [Symbol.asyncDispose]: () => end(child) };
}

async function answers(
  child: ChildProcess,
  program: string,
  run: string,
  ready: readonly string[],
): Promise<void> {
  const [command = '', ...argv] = ready;
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
    if ((await runProgram(command, argv)).code === 0) return;
    await delay(50);
  }
  const log = await readFile(join(run, `${program}.log`), 'utf8');
  throw new Error(`${program} does not answer:\n${log.split('\n').slice(-10).join('\n')}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
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
