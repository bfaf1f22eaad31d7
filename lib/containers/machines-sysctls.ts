import { statSync } from 'node:fs';
import type { ContainersContext } from './context.ts';
import type { ContainerSpec } from './spec.ts';
import { modeContainer } from './spec-namespaces.ts';
import { refuseMachinesSysctls } from './spec-sysctls.ts';

/**
 * Refuses the sysctls of what only turns out to be the machine's: the namespace that another container shares with it, that a
 * path leads to, or the user namespace of a container that is given none. `spec`: joined containers by their ids, its user
 * namespace resolved. @throws EngineError ERR_CONTAINER_OPTION_INVALID
 */
export async function requireOwnSysctls(context: ContainersContext, spec: ContainerSpec): Promise<void> {
  const names = Object.keys(spec.sysctls);
  if (names.length === 0) return;
  const { ipc, uts, user } = spec.namespaces;
  const network = await modeBehind(context, spec.network, (donor) => donor.network);
  const isShared = context.ids.map === null && (user?.mode ?? 'host') === 'host';
  refuseMachinesSysctls(names, {
    network: network.startsWith('/') && isMachinesNetwork(network) ? 'host' : network,
    ipc: await modeBehind(context, ipc, (donor) => donor.namespaces.ipc),
    uts,
    user: isShared ? 'host' : 'own',
  });
}

/** Of the container that the namespace is originally of; that may be gone, and then nobody knows. */
async function modeBehind(
  context: ContainersContext,
  mode: string,
  modeOf: (spec: ContainerSpec) => string,
): Promise<string> {
  const id = modeContainer(mode);
  if (id === null) return mode;
  const donor = await context.store.read(id);
  return donor === null ? 'host' : await modeBehind(context, modeOf(donor.spec), modeOf);
}

/** namespaces(7): two descriptors of one namespace have the same device and inode. */
function isMachinesNetwork(path: string): boolean {
  const [asked, own] = [statSync(path, { throwIfNoEntry: false }), statSync('/proc/self/ns/net')];
  return asked?.ino === own.ino && asked.dev === own.dev;
}
