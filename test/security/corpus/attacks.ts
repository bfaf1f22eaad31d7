import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where an attack is prepared, before the runtime is started. */
export interface Place {
  readonly bundle: string;
  readonly rootfs: string;
  /** A folder of the machine with `secret` in it, that nothing may reach. */
  readonly canary: string;
}

/** The parts of an OCI config.json that attacks change. */
export interface AttackConfig {
  process: { args: string[]; cwd: string; user: object; noNewPrivileges: boolean; env: string[] };
  mounts: { destination: string; type?: string; source?: string; options?: string[] }[];
  linux: { resources: Record<string, unknown>; maskedPaths: string[] };
}

/** An attempt to get out of a container, or at more than it was given. */
export interface Attack {
  readonly name: string;
  readonly classes: string;
  /** The attempt of probe.c, or the command. */
  readonly run: string | readonly string[];
  readonly prepare?: (place: Place) => void;
  readonly change?: (config: AttackConfig, place: Place) => void;
  /** Run while it lasts: `exec` of this command, by a copy of the runtime. */
  readonly enterBy?: readonly string[];
  /** The runtime is started on a terminal, which it gives to its container. */
  readonly onTerminal?: boolean;
  /** The payload must end by itself, having tried; else to be refused or killed is to be stopped, too. */
  readonly mustHold?: boolean;
}

const asUser = (config: AttackConfig, uid: number) => {
  config.process.user = { uid, gid: uid };
};

const link = (target: string, path: string) => {
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
};

/** Each against a container with docker's own defaults, root inside. */
export const attacks: readonly Attack[] = [
  {
    name: 'the runtime’s own program is overwritten by /proc/PID/exe',
    classes: 'CVE-2019-5736',
    run: 'overwrite',
    enterBy: ['/proc/self/exe', '--version'],
    mustHold: true,
  },
  {
    name: 'the image’s command is /proc/self/exe',
    classes: 'CVE-2019-5736',
    run: ['/proc/self/exe', '--version'],
  },
  {
    name: 'descriptors that the runtime has left open',
    classes: 'CVE-2024-21626, CVE-2016-9962',
    run: 'descriptors',
    mustHold: true,
  },
  ...[3, 4, 5, 6, 7, 8, 9, 10].map((fd) => ({
    name: `the working directory is /proc/self/fd/${fd}`,
    classes: 'CVE-2024-21626',
    run: 'outside',
    change: (config: AttackConfig) => {
      config.process.cwd = `/proc/self/fd/${fd}`;
    },
  })),
  {
    name: 'a link in place of /proc',
    classes: 'CVE-2019-19921, CVE-2023-28642',
    run: 'is-procfs',
    prepare: ({ rootfs }) => {
      mkdirSync(join(rootfs, 'fake/self'), { recursive: true });
      link('/fake', join(rootfs, 'proc'));
    },
  },
  {
    name: 'a file system of the caller’s over /proc',
    classes: 'CVE-2019-16884, CVE-2025-52881',
    run: 'is-procfs',
    change: ({ mounts }) => void mounts.push({ destination: '/proc', type: 'tmpfs', source: 'tmpfs' }),
  },
  {
    name: 'a mount whose target is behind an absolute link',
    classes: 'CVE-2021-30465, CVE-2024-45310',
    run: 'outside',
    prepare: ({ rootfs, canary }) => link(canary, join(rootfs, 'data')),
    change: ({ mounts }) => void mounts.push({ destination: '/data/made', type: 'tmpfs', source: 'tmpfs' }),
  },
  {
    name: 'a mount whose target is behind a link with dots',
    classes: 'CVE-2021-30465, CVE-2022-23648',
    run: 'outside',
    prepare: ({ rootfs, canary }) => link(`${'../'.repeat(24)}${canary.slice(1)}`, join(rootfs, 'data')),
    change: ({ mounts }) => void mounts.push({ destination: '/data/made', type: 'tmpfs', source: 'tmpfs' }),
  },
  {
    name: 'a /dev/null that is a link decides what masks',
    classes: 'CVE-2025-31133',
    run: 'masked',
    prepare: ({ bundle }) => {
      mkdirSync(join(bundle, 'devices'), { recursive: true });
      link('/proc/timer_list', join(bundle, 'devices/null'));
    },
    change: (config, { bundle }) => {
      config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/dev'));
      config.mounts.push({
        destination: '/dev',
        type: 'bind',
        source: join(bundle, 'devices'),
        options: ['rbind'],
      });
    },
  },
  { name: 'files that are masked', classes: 'CVE-2025-31133', run: 'masked', mustHold: true },
  { name: 'masks and read-only paths are mounted away', classes: '', run: 'remount', mustHold: true },
  {
    name: 'sysrq, core_pattern, modprobe and the like are written',
    classes: 'CVE-2025-52565',
    run: 'kernel-files',
    mustHold: true,
  },
  { name: '/sys is written (uevent_helper, power)', classes: '', run: 'sysfs', mustHold: true },
  {
    name: 'limits and device rules are changed by /sys/fs/cgroup',
    classes: '',
    run: 'cgroups',
    mustHold: true,
  },
  {
    name: 'release_agent of a cgroup of one’s own',
    classes: 'CVE-2022-0492',
    run: 'release-agent',
    mustHold: true,
  },
  { name: 'open_by_handle_at (shocker)', classes: 'CVE-2014-3519', run: 'handles', mustHold: true },
  { name: 'mknod of the machine’s disks', classes: '', run: 'disks', mustHold: true },
  { name: 'mknod of /dev/mem, kmsg, fuse and others', classes: '', run: 'memory-devices', mustHold: true },
  { name: 'chroot twice', classes: '', run: 'chroot-twice', mustHold: true },
  { name: 'the kernel’s keyrings', classes: 'CVE-2014-9529', run: 'keyrings', mustHold: true },
  { name: 'bpf and perf_event_open', classes: '', run: 'programs', mustHold: true },
  { name: 'userfaultfd', classes: '', run: 'userfaults', mustHold: true },
  { name: 'io_uring', classes: 'CVE-2022-29582', run: 'io-urings', mustHold: true },
  { name: 'kernel modules and kexec', classes: '', run: 'modules', mustHold: true },
  { name: 'clocks, reboot, swap, acct, quotas, ports', classes: '', run: 'machine', mustHold: true },
  { name: 'the kernel’s log', classes: '', run: 'kernel-log', mustHold: true },
  {
    name: 'mounts inside, by the old calls and the new',
    classes: 'CVE-2022-0185',
    run: 'mounts',
    mustHold: true,
  },
  {
    name: 'namespaces by clone, clone3, setns and unshare -r',
    classes: 'CVE-2022-0185',
    run: 'namespaces',
    mustHold: true,
  },
  { name: 'filtered calls by int 0x80 and x32', classes: '', run: 'other-abis', mustHold: true },
  {
    name: 'an abstract socket of the machine',
    classes: 'CVE-2020-15257',
    run: 'abstract-socket',
    mustHold: true,
  },
  { name: 'a service on the machine’s loopback', classes: '', run: 'loopback', mustHold: true },
  { name: 'System V memory of the machine', classes: '', run: 'system-v', mustHold: true },
  {
    name: 'processes of the machine, and its files by /proc/1/root',
    classes: '',
    run: 'processes',
    mustHold: true,
  },
  { name: 'vsock to the hypervisor', classes: '', run: 'virtual-sockets', mustHold: true },
  {
    name: 'inheritable and dangerous capabilities',
    classes: 'CVE-2022-29162',
    run: 'capabilities',
    mustHold: true,
  },
  {
    name: 'supplementary groups of the caller',
    classes: 'CVE-2022-36109, CVE-2023-25173',
    run: 'groups',
    change: (config) => asUser(config, 1000),
    mustHold: true,
  },
  {
    name: 'a user id of 2^32 that wraps to root',
    classes: 'CVE-2024-40635',
    run: 'user',
    change: (config) => asUser(config, 2 ** 32),
  },
  {
    name: 'a user id of 2^32 - 1, which is "none"',
    classes: 'CVE-2024-40635',
    run: 'user',
    change: (config) => asUser(config, 2 ** 32 - 1),
  },
  {
    name: 'a setuid program, with no new privileges',
    classes: '',
    run: ['/setuid-probe', 'user'],
    change: (config) => {
      asUser(config, 1000);
      config.process.noNewPrivileges = true;
    },
    mustHold: true,
  },
  {
    name: 'keys typed into the terminal of whoever started it (TIOCSTI)',
    classes: 'CVE-2016-2568, CVE-2017-5226',
    run: 'keystrokes',
    onTerminal: true,
    mustHold: true,
  },
  {
    name: 'a fork bomb, with a limit of processes',
    classes: '',
    run: 'forks',
    change: ({ linux }) => {
      linux.resources.pids = { limit: 50 };
    },
  },
  {
    name: 'more memory than the limit',
    classes: '',
    run: 'memory',
    change: ({ linux }) => {
      linux.resources.memory = { limit: 33_554_432, swap: 33_554_432 };
    },
  },
];

/**
 * Attempts that must succeed once filter, masks, limits and capabilities are out of the way, or they say nothing. Only such as
 * reach nothing of the machine even then: the namespaces stay, that of processes above all.
 */
export const effective: readonly string[] = [
  'keyrings',
  'programs',
  'io-urings',
  'mounts',
  'namespaces',
  'other-abis',
  'kernel-log',
  'capabilities',
  'user',
  'keystrokes',
  'forks',
  'memory',
];

/** The same container with nothing but its namespaces and device rules in the way. */
export function unfilter(config: AttackConfig): void {
  const all = ['CAP_SYS_ADMIN', 'CAP_BPF', 'CAP_PERFMON', 'CAP_SYSLOG'];
  const capabilities = { bounding: all, effective: all, permitted: all };
  Object.assign(config.process, { capabilities });
  Object.assign(config.linux, { seccomp: undefined, maskedPaths: [], readonlyPaths: [] });
}

/** The file that an attack on the machine's files looks for. */
export function plantCanary(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'secret'), 'untouched');
}
