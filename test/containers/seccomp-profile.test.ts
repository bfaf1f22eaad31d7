import test from 'ava';
import { seccompProfile } from '../../lib/containers/seccomp-profile.ts';

const subject = { capabilities: ['CAP_CHOWN'], arch: 'x64', kernel: '5.10.0-9-amd64' };

const rules: [title: string, conditions: object, taken: boolean][] = [
  ['a capability that it has', { includes: { caps: ['CAP_CHOWN'] } }, true],
  ['a capability that it lacks', { includes: { caps: ['CAP_SYS_ADMIN'] } }, false],
  ['one of two capabilities', { includes: { caps: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] } }, false],
  ['without a capability that it lacks', { excludes: { caps: ['CAP_SYS_ADMIN'] } }, true],
  ['without a capability that it has', { excludes: { caps: ['CAP_CHOWN'] } }, false],
  ['this machine', { includes: { arches: ['arm64', 'amd64'] } }, true],
  ['another machine', { includes: { arches: ['s390x'] } }, false],
  ['not on this machine', { excludes: { arches: ['amd64'] } }, false],
  ['a kernel that is older', { includes: { minKernel: '4.8' } }, true],
  ['a kernel that is newer', { includes: { minKernel: '5.11' } }, false],
  ['a kernel of the next major', { includes: { minKernel: '6.0' } }, false],
  ['no condition', { includes: {}, excludes: {} }, true],
];

for (const [title, conditions, taken] of rules) {
  test(`a rule of docker's profiles is ${taken ? 'taken' : 'left out'}: ${title}`, (t) => {
    const rule = { names: ['bpf'], action: 'SCMP_ACT_ALLOW', args: null, comment: '', ...conditions };
    const { syscalls } = seccompProfile({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] }, subject);
    t.deepEqual(syscalls, taken ? [{ names: ['bpf'], action: 'SCMP_ACT_ALLOW' }] : []);
  });
}

test("archMap becomes the machine's own architectures, and an old rule's name its names", (t) => {
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    ],
    syscalls: [{ name: 'read', action: 'SCMP_ACT_ALLOW' }],
  };
  t.deepEqual(seccompProfile(profile, subject), {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }],
  });
});

test('architectures and archMap together, and name and names together, are refused as docker does', (t) => {
  const both = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86'],
    archMap: [{ architecture: 'SCMP_ARCH_X86_64' }],
  };
  t.throws(() => seccompProfile(both, subject), { message: /either 'architectures' or 'archMap'/ });
  const rule = { name: 'read', names: ['write'], action: 'SCMP_ACT_ALLOW' };
  t.throws(() => seccompProfile({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }, subject), {
    message: /either 'name' or 'names'/,
  });
});
