import { mustRun } from '../../test/fixtures/run-program.ts';
import { type DockerApi, dockerApi } from './dockerode.ts';
import type { Held } from './hold.ts';
import { type PeerFolders, podman, startContainerd, startDocker } from './peers.ts';
import { installed } from './programs.ts';

/** A docker that has the image: its command line, and dockerode on its socket. */
export interface Docker {
  readonly argv: readonly string[];
  readonly api: DockerApi;
}

/** null when docker or containerd is not installed. */
export async function dockerWith(
  held: Held,
  folders: PeerFolders,
  reference: string,
): Promise<Docker | null> {
  if (!(await installed('containerd')) || !(await installed('dockerd'))) return null;
  const containerd = held.use(await startContainerd(folders));
  const { socket } = held.use(await startDocker(folders, containerd));
  const argv = ['docker', '-H', `unix://${socket}`];
  await mustRun('docker', [...argv.slice(1), 'pull', '-q', reference]);
  return { argv, api: dockerApi(socket) };
}

/** podman's command line, the image pulled; null when it is not installed. */
export async function podmanWith(folders: PeerFolders, reference: string): Promise<string[] | null> {
  if (!(await installed('podman'))) return null;
  const argv = podman(folders);
  await mustRun('podman', [...argv.slice(1), 'pull', '-q', '--tls-verify=false', reference]);
  return argv;
}
