import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { allCapabilities, defaultCapabilities } from '../../lib/containers/capabilities.ts';
import { defaultSeccompProfile } from '../../lib/containers/default-seccomp.ts';

/** What the profile answers for a call, as the kernel would be told: the first rule that applies. */
function answer(
  capabilities: readonly string[],
  name: string,
  args: readonly number[] = [],
  arch = 'x64',
): string {
  const profile = defaultSeccompProfile(capabilities, arch);
  const rule = profile.syscalls?.find(
    (each) =>
      each.names.includes(name) && (each.args ?? []).every((arg) => holds(arg, BigInt(args[arg.index] ?? 0))),
  );
  const action = rule?.action ?? profile.defaultAction;
  return action === 'SCMP_ACT_ERRNO' ? `errno ${rule?.errnoRet ?? profile.defaultErrnoRet}` : action;
}

type Condition = { readonly value: number; readonly valueTwo?: number; readonly op: string };

function holds({ value, valueTwo = 0, op }: Condition, argument: bigint): boolean {
  if (op === 'SCMP_CMP_EQ') return argument === BigInt(value);
  if (op === 'SCMP_CMP_LT') return argument < BigInt(value);
  if (op === 'SCMP_CMP_GT') return argument > BigInt(value);
  if (op === 'SCMP_CMP_MASKED_EQ') return (argument & BigInt(value)) === BigInt(valueTwo);
  throw new Error(`unexpected operator ${op}`);
}

const allow = 'SCMP_ACT_ALLOW';
const eperm = 'errno 1';

test('what ordinary programs call is allowed', (t) => {
  for (const name of [
    'read',
    'openat',
    'execve',
    'mmap',
    'futex',
    'epoll_wait',
    'connect',
    'clone',
    'statx',
    'rseq',
    'openat2',
  ]) {
    t.is(answer(defaultCapabilities, name), allow, name);
  }
});

test('what reaches past the container is refused with EPERM', (t) => {
  for (const name of [
    'keyctl',
    'add_key',
    'request_key',
    'mount',
    'umount2',
    'kexec_load',
    'kexec_file_load',
    'bpf',
    'perf_event_open',
    'unshare',
    'setns',
    'init_module',
    'finit_module',
    'delete_module',
    'swapon',
    'reboot',
    'open_by_handle_at',
    'acct',
    'userfaultfd',
    'io_uring_setup',
    'settimeofday',
    'clock_settime',
    'iopl',
    'ioperm',
    'pivot_root',
    'move_mount',
    'fsopen',
    'quotactl',
    'syslog',
    'nfsservctl',
    'add_key',
    'a_call_of_the_future',
  ]) {
    t.is(answer(defaultCapabilities, name), eperm, name);
  }
});

test('a capability opens the calls that are its own, and no others', (t) => {
  const opened: Record<string, string[]> = {
    CAP_SYS_ADMIN: [
      'mount',
      'umount2',
      'unshare',
      'setns',
      'bpf',
      'perf_event_open',
      'clone3',
      'sethostname',
    ],
    CAP_SYS_MODULE: ['init_module', 'finit_module', 'delete_module'],
    CAP_SYS_TIME: ['settimeofday', 'clock_settime'],
    CAP_SYS_BOOT: ['reboot'],
    CAP_SYS_RAWIO: ['iopl', 'ioperm'],
    CAP_BPF: ['bpf'],
    CAP_PERFMON: ['perf_event_open'],
    CAP_SYSLOG: ['syslog'],
    CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
    CAP_SYS_PTRACE: ['process_madvise', 'pidfd_getfd', 'kcmp'],
    CAP_SYS_NICE: ['mbind', 'set_mempolicy'],
    CAP_SYS_PACCT: ['acct'],
    CAP_SYS_TTY_CONFIG: ['vhangup'],
  };
  for (const [capability, names] of Object.entries(opened)) {
    for (const name of names) {
      t.is(answer([...defaultCapabilities, capability], name), allow, `${name} with ${capability}`);
      t.not(answer(defaultCapabilities, name), allow, `${name} without ${capability}`);
    }
  }
});

test('chroot needs its capability, which is one of the default ones', (t) => {
  t.is(answer(defaultCapabilities, 'chroot'), allow);
  t.is(answer([], 'chroot'), eperm);
});

test('no capability opens keyrings, kexec, swap, userfaultfd and io_uring', (t) => {
  for (const name of [
    'keyctl',
    'add_key',
    'kexec_load',
    'swapon',
    'userfaultfd',
    'io_uring_setup',
    'io_uring_enter',
  ])
    t.is(answer(allCapabilities, name), eperm, name);
});

test('clone makes processes and threads, but namespaces only with CAP_SYS_ADMIN', (t) => {
  const SIGCHLD = 17;
  const threadFlags = 0x3d0f00;
  t.is(answer(defaultCapabilities, 'clone', [SIGCHLD]), allow);
  t.is(answer(defaultCapabilities, 'clone', [threadFlags]), allow);
  for (const flag of [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]) {
    t.is(answer(defaultCapabilities, 'clone', [flag | SIGCHLD]), eperm, flag.toString(16));
    t.is(answer(['CAP_SYS_ADMIN'], 'clone', [flag | SIGCHLD]), allow, flag.toString(16));
  }
});

test('clone3 answers ENOSYS, so that the C library falls back to clone', (t) => {
  t.is(answer(defaultCapabilities, 'clone3'), 'errno 38');
  t.is(answer(['CAP_SYS_ADMIN'], 'clone3'), allow);
});

test('sockets of the host, AF_ALG and AF_VSOCK, cannot be opened', (t) => {
  for (const family of [1, 2, 10, 16, 17, 37, 39, 41, 44])
    t.is(answer(defaultCapabilities, 'socket', [family]), allow, `${family}`);
  for (const family of [38, 40]) t.is(answer(allCapabilities, 'socket', [family]), eperm, `${family}`);
});

test('personality is asked and set to Linux, but randomisation is not turned off', (t) => {
  for (const persona of [0, 8, 0x20000, 0x20008, 0xffffffff])
    t.is(answer([], 'personality', [persona]), allow);
  t.is(answer([], 'personality', [0x0040000]), eperm); // ADDR_NO_RANDOMIZE
});

test('each machine has its own calls and its compatible architectures', (t) => {
  t.is(answer([], 'arch_prctl', [], 'x64'), allow);
  t.is(answer([], 'arch_prctl', [], 'arm64'), eperm);
  t.is(answer([], 'cacheflush', [], 'arm64'), allow);
  t.deepEqual(defaultSeccompProfile([], 'x64').architectures, [
    'SCMP_ARCH_X86_64',
    'SCMP_ARCH_X86',
    'SCMP_ARCH_X32',
  ]);
  t.deepEqual(defaultSeccompProfile([], 'arm64').architectures, ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
});

test('the native tests judge this very profile (STRAKE_UPDATE_FIXTURES=1 writes it anew)', (t) => {
  const fixture = new URL('../native/fixtures/default-seccomp.json', import.meta.url);
  const profile = `${JSON.stringify(defaultSeccompProfile(defaultCapabilities, 'x64'))}\n`;
  if (process.env.STRAKE_UPDATE_FIXTURES) writeFileSync(fixture, profile);
  t.is(readFileSync(fixture, 'utf8'), profile);
});
