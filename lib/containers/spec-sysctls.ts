import { invalidOption, textRecord } from './option-values.ts';
import type { ContainerOptions } from './options.ts';

/** Of an IPC namespace: sysctl(7) and runc's libcontainer/configs/validate. */
const ofIpc = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|fs\.mqueue\.)/;

/** In which namespace a container is, by kind: "host" is the machine's, and any other word is none of it. */
export interface NamespaceModes {
  readonly network: string;
  readonly ipc: string;
  readonly uts: string;
  readonly user: string;
}

/** Those of the container's own namespaces alone, as far as the options tell: see machines-sysctls.ts for what they do not. */
export function parseSysctls({
  sysctls = {},
  network,
  namespaces,
}: ContainerOptions): Record<string, string> {
  const { ipc = 'private', uts = 'private', user } = namespaces ?? {};
  const checked = textRecord('sysctls', sysctls).map(checkedName);
  refuseMachinesSysctls(
    checked.map(([name]) => name),
    { network: network === 'host' ? 'host' : 'own', ipc, uts, user: user === 'host' ? 'host' : 'own' },
  );
  return Object.fromEntries(checked);
}

/** A sysctl of a namespace that is the machine's would change the whole machine. @throws EngineError ERR_CONTAINER_OPTION_INVALID */
export function refuseMachinesSysctls(names: readonly string[], modes: NamespaceModes): void {
  for (const name of names) refuseMachines(name.replace(/\//g, '.'), modes);
}

function checkedName([name, value]: [string, string]): [string, string] {
  if (/^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_*:-]+)+$/.test(name)) return [name, value];
  throw invalidOption('sysctls', name, 'write it as in sysctl(8): net.ipv4.ip_forward');
}

/** runc's and docker's texts. */
function refuseMachines(name: string, { network, ipc, uts, user }: NamespaceModes): void {
  const refuse = (reason: string) => {
    throw invalidOption('sysctls', name, `sysctl "${name}" ${reason}`);
  };
  if (name.startsWith('net.')) {
    if (network === 'host')
      refuse('not allowed in host network namespace; leave out network host, or set it on the host');
  } else if (ofIpc.test(name)) {
    if (ipc === 'host')
      refuse('is not allowed in the hosts ipc namespace; leave out ipc host, or set it on the host');
  } else if (name === 'kernel.domainname') {
    if (uts === 'host') refuse('is not allowed in the hosts uts namespace; leave out uts host');
  } else if (name === 'kernel.hostname') {
    refuse('is not allowed as it conflicts with the OCI "hostname" field; give a hostname');
  } else if (name.startsWith('user.')) {
    if (user === 'host')
      refuse('is not allowed in the hosts user namespace; give the container one of its own (--userns auto)');
  } else {
    refuse('is not in a separate kernel namespace: it would change the whole machine');
  }
}
