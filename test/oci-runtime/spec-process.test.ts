/** runtime-spec 1.2, config.md "Process": each property as the process in the container sees it. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  bundle,
  cleanUp,
  complaint,
  directory,
  linux,
  mountsWith,
  processWith,
  runtime,
  shell,
  shellAs,
  started,
  unique,
} from './bundle.ts';

test.after.always(cleanUp);

const pseudoTerminals = mountsWith(
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
);

linux(
  'terminal, consoleSize: the process has a terminal of that size, and without one consoleSize is ignored',
  (t) => {
    const consoleSize = { height: 13, width: 77 };
    const more = { mounts: pseudoTerminals };
    const { out } = shellAs(
      'size',
      'stty size; tty; ls -l /dev/console',
      { terminal: true, consoleSize },
      more,
    );
    t.regex(out, /^13 77\r\n\/dev\/(pts\/\d+|console)\r\nc/);
    t.is(shellAs('no-size', 'tty', { consoleSize }).out, 'not a tty\n');
  },
);

linux('cwd, args and env are what is executed, and where; a cwd that is missing is made', (t) => {
  const env = ['PATH=/bin', 'WORD=two words', 'EMPTY='];
  const { out } = shellAs('env', 'pwd; env', { cwd: '/made/for it', env });
  t.regex(out, /^\/made\/for it\n/);
  for (const entry of env) t.true(out.split('\n').includes(entry), entry);
  const path = bundle('args', [], { process: processWith(['echo', '', 'a b', '$HOME']) });
  t.is(runtime(['run', '-b', path, unique('args')]).out, ' a b $HOME\n');
});

linux('env without "=", and no args at all, are refused by name', (t) => {
  t.regex(
    complaint('env-name', { process: processWith(['true'], { env: ['NOEQUALS'] }) }),
    /process\.env\[0\]/,
  );
  t.regex(complaint('no-args', { process: processWith([]) }), /process\.args/);
});

linux('user: uid, gid, umask and additionalGids', (t) => {
  const user = { uid: 1000, gid: 1001, umask: 0o77, additionalGids: [5, 1002] };
  const { out } = shellAs('user', 'id -u; id -g; id -G; umask', { user });
  t.is(out, '1000\n1001\n1001 5 1002\n0077\n');
  t.is(shell('umask', 'umask').out, '0022\n');
  t.regex(
    complaint('uid', { process: processWith(['true'], { user: { uid: -1, gid: 0 } }) }),
    /process\.user\.uid/,
  );
  const gid = { user: { uid: 0, gid: 2 ** 32 } };
  t.regex(complaint('gid', { process: processWith(['true'], gid) }), /process\.user\.gid/);
});

linux('rlimits: soft and hard as asked; unknown and duplicate types and soft above hard are refused', (t) => {
  const rlimits = [
    { type: 'RLIMIT_NOFILE', soft: 33, hard: 44 },
    { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
    { type: 'RLIMIT_FSIZE', soft: 1024, hard: 4096 },
  ];
  t.is(
    shellAs('limits', 'ulimit -Sn; ulimit -Hn; ulimit -Hc; ulimit -Sf', { rlimits }).out,
    '33\n44\n0\n2\n',
  );
  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['unknown', { type: 'RLIMIT_X', soft: 1, hard: 1 }, /rlimits\[3\]\.type: unknown value "RLIMIT_X"/],
    ['twice', { type: 'RLIMIT_NOFILE', soft: 1, hard: 1 }, /rlimits\[3\]\.type: RLIMIT_NOFILE twice/],
    ['above', { type: 'RLIMIT_CPU', soft: 2, hard: 1 }, /rlimits\[3\]: soft is greater/],
  ];
  for (const [name, limit, message] of refused)
    t.regex(complaint(name, { process: processWith(['true'], { rlimits: [...rlimits, limit] }) }), message);
});

/** "CapBnd" -> 0x21 … of /proc/self/status. */
function sets(status: string): Record<string, number> {
  const rows = [...status.matchAll(/^(Cap\w+):\s+([0-9a-f]+)$/gm)];
  return Object.fromEntries(rows.map(([, name, mask]) => [name, Number.parseInt(mask ?? '', 16)]));
}

linux('capabilities: all five sets of a user other than root', (t) => {
  const [chown, kill, nice] = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_NICE'];
  const capabilities = {
    bounding: [chown, kill, nice],
    permitted: [chown, kill],
    effective: [chown],
    inheritable: [chown],
    ambient: [chown],
  };
  const user = { uid: 1000, gid: 1000 };
  const { out, err } = shellAs('sets', 'cat /proc/self/status', { user, capabilities });
  t.deepEqual(sets(out), { CapInh: 1, CapPrm: 1, CapEff: 1, CapBnd: 0x800021, CapAmb: 1 }, err);
  t.is(err, '');
  const none = shellAs('no-sets', 'cat /proc/self/status', { user });
  t.deepEqual(sets(none.out), { CapInh: 0, CapPrm: 0, CapEff: 0, CapBnd: 0, CapAmb: 0 });
});

linux('capabilities: root has what is bounding, and nothing without any', (t) => {
  const some = { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], effective: ['CAP_KILL'] };
  const { out } = shellAs('root-sets', 'cat /proc/self/status', { capabilities: some });
  t.deepEqual(sets(out), { CapInh: 0, CapPrm: 0x20, CapEff: 0x20, CapBnd: 0x20, CapAmb: 0 });
  t.is(
    shellAs('root-none', 'chmod 600 /proc/1/cmdline; hostname x 2>&1 || echo refused', {})
      .out.split('\n')
      .at(-2),
    'refused',
  );
});

linux('capabilities: names that Linux does not know are a warning, and no failure', (t) => {
  const capabilities = { bounding: ['CAP_UNHEARD_OF', 'CAP_KILL'], permitted: ['CAP_UNHEARD_OF'] };
  const process = processWith(['sh', '-c', 'exit 6'], { capabilities });
  const path = bundle('unheard', [], { process });
  const { status, err } = runtime(['run', '-b', path, unique('unheard')]);
  t.is(status, 6);
  t.regex(err, /CAP_UNHEARD_OF/);
});

linux('noNewPrivileges', (t) => {
  const script = 'grep NoNewPrivs /proc/self/status';
  t.is(shellAs('nnp', script, { noNewPrivileges: true }).out, 'NoNewPrivs:\t1\n');
  t.is(shellAs('no-nnp', script, {}).out, 'NoNewPrivs:\t0\n');
});

linux('oomScoreAdj: set when asked for, left alone otherwise, refused beyond 1000', (t) => {
  const script = 'cat /proc/self/oom_score_adj';
  const before = runtime(['list']).status === 0 ? shell('oom-none', script).out : '';
  t.is(shellAs('oom', script, { oomScoreAdj: 345 }).out, '345\n');
  t.is(shell('oom-again', script).out, before);
  t.regex(complaint('oom-far', { process: processWith(['true'], { oomScoreAdj: 1001 }) }), /oomScoreAdj/);
});

linux('scheduler and ioPriority are those of the process', (t) => {
  const scheduler = { policy: 'SCHED_BATCH', nice: 7 };
  const ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 6 };
  const { out } = shellAs('schedule', 'cat /proc/self/stat; ionice', { scheduler, ioPriority });
  const fields =
    out
      .split('\n')[0]
      ?.replace(/^.*\) /, '')
      .split(' ') ?? [];
  t.is(fields[19 - 3], '7', 'nice, field 19 of proc_pid_stat(5)');
  t.is(fields[41 - 3], '3', 'policy, field 41: SCHED_BATCH');
  t.regex(out, /best-effort: prio 6/);
  const unknown = { scheduler: { policy: 'SCHED_X' } };
  t.regex(complaint('policy', { process: processWith(['true'], unknown) }), /scheduler\.policy: unknown/);
  const high = { ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 8 } };
  t.regex(complaint('priority', { process: processWith(['true'], high) }), /ioPriority\.priority/);
});

linux('execCPUAffinity is for processes that enter, and not for the init', (t) => {
  const execCPUAffinity = { initial: '0-1', final: '1' };
  const process = processWith(['sleep', '60'], { execCPUAffinity });
  const id = started('affinity', { process });
  const allowed = (args: readonly string[]) => runtime(['exec', ...args]).out;
  t.regex(allowed([id, 'grep', 'Cpus_allowed_list', '/proc/self/status']), /\t1\n$/);
  t.notRegex(allowed([id, 'grep', 'Cpus_allowed_list', '/proc/1/status']), /\t1\n$/);
  const file = join(directory, 'affine.json');
  const args = ['grep', 'Cpus_allowed_list', '/proc/self/status'];
  writeFileSync(file, JSON.stringify(processWith(args, { execCPUAffinity: { final: '0' } })));
  t.regex(allowed(['--process', file, id]), /\t0\n$/);
});

const lsm = (name: string) => existsSync(`/sys/${name}`);

linux('apparmorProfile and selinuxLabel are refused where the kernel does not enforce them', (t) => {
  const asked = (member: string) => ({ process: processWith(['true'], { [member]: 'some_profile' }) });
  if (!lsm('kernel/security/apparmor'))
    t.regex(complaint('apparmor', asked('apparmorProfile')), /process\.apparmorProfile: .*not enabled/);
  if (!lsm('fs/selinux/enforce'))
    t.regex(complaint('selinux', asked('selinuxLabel')), /process\.selinuxLabel: .*not enabled/);
  t.is(shellAs('unconfined', 'exit 3', { apparmorProfile: 'unconfined' }).status, 3);
});

linux('hostname and domainname are those of the uts namespace, and refused without one', (t) => {
  const { out } = shell('names', 'hostname; cat /proc/sys/kernel/domainname', {
    hostname: 'mrsdalloway',
    domainname: 'foobarbaz.test',
  });
  t.is(out, 'mrsdalloway\nfoobarbaz.test\n');
  const shared = { hostname: 'x', linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }] } };
  t.regex(complaint('host-uts', shared), /uts namespace/);
});
