import { existsSync } from 'node:fs';
import { arch, hostname, release } from 'node:os';
import type { Ids } from '../id-map/index.ts';
import type { HostFacts } from './runtime-config.ts';

let swapAccounting: boolean | undefined;

/** What the pure parts need to know of this machine, as it is now. */
export function hostFacts(ids: Pick<Ids, 'userxattr'>): HostFacts {
  return {
    inUserNamespace: ids.userxattr,
    hostname: hostname(),
    arch: arch(),
    kernel: release(),
    get swapAccounting() {
      swapAccounting ??= hasSwapAccounting();
      return swapAccounting;
    },
  };
}

function hasSwapAccounting(): boolean {
  const v1 = '/sys/fs/cgroup/memory';
  if (existsSync(v1)) return existsSync(`${v1}/memory.memsw.limit_in_bytes`);
  return existsSync('/proc/swaps'); // v2: memory.swap.max is there when the kernel has swap at all
}
