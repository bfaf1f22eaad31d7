import { invalidOption, textRecord } from './option-values.ts';
import type { ContainerOptions } from './options.ts';

/** Of an IPC namespace: sysctl(7) and runc's libcontainer/configs/validate. */
const ofIpc = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|fs\.mqueue\.)/;

/** Those of the container's own namespaces alone: a sysctl of one that it shares with the host would change the whole machine. */
export function parseSysctls(options: ContainerOptions): Record<string, string> {
  const sysctls = textRecord('sysctls', options.sysctls ?? {}).map(checkedName);
  for (const [name] of sysctls) refuseHosts(name.replace(/\//g, '.'), options);
  return Object.fromEntries(sysctls);
}

function checkedName([name, value]: [string, string]): [string, string] {
  if (/^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_*:-]+)+$/.test(name)) return [name, value];
  throw invalidOption('sysctls', name, 'write it as in sysctl(8): net.ipv4.ip_forward');
}

/** runc's and docker's texts. */
function refuseHosts(name: string, { network, namespaces = {} }: ContainerOptions): void {
  const refuse = (reason: string) => {
    throw invalidOption('sysctls', name, `sysctl "${name}" ${reason}`);
  };
  if (name.startsWith('net.')) {
    if (network === 'host')
      refuse('not allowed in host network namespace; leave out network host, or set it on the host');
  } else if (ofIpc.test(name)) {
    if (namespaces.ipc === 'host')
      refuse('is not allowed in the hosts ipc namespace; leave out ipc host, or set it on the host');
  } else if (name === 'kernel.domainname') {
    if (namespaces.uts === 'host') refuse('is not allowed in the hosts uts namespace; leave out uts host');
  } else if (name === 'kernel.hostname') {
    refuse('is not allowed as it conflicts with the OCI "hostname" field; give a hostname');
  } else if (!name.startsWith('user.')) {
    refuse('is not in a separate kernel namespace: it would change the whole machine');
  }
}
