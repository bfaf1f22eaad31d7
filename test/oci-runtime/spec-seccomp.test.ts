/** runtime-spec 1.2, config-linux.md "Seccomp" and "The Container Process State". */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  bundle,
  cleanUp,
  complaint,
  directory,
  linux,
  linuxWith,
  runtime,
  shell,
  unique,
  until,
} from './bundle.ts';

test.after.always(cleanUp);

const python = spawnSync('python3', ['-c', 'import socket, fcntl']).status === 0;
if (!python) console.log('skipped: the seccomp agent of these tests is a python3 program');
const withAgent = python ? linux : test.serial.skip;

const profile = (rule: object, more: object = {}) => ({
  linux: linuxWith({ seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule], ...more } }),
});
const onMkdir = (more: object) => ({ names: ['mkdir', 'mkdirat'], ...more });
const tryMkdir = 'mkdir /x; echo status $?';

linux('SCMP_ACT_ERRNO answers EPERM, or errnoRet', (t) => {
  t.regex(
    shell('errno', tryMkdir, profile(onMkdir({ action: 'SCMP_ACT_ERRNO' }))).err,
    /Operation not permitted/,
  );
  const other = onMkdir({ action: 'SCMP_ACT_ERRNO', errnoRet: 28 });
  t.regex(shell('errno-ret', tryMkdir, profile(other)).err, /No space left/);
});

linux(
  'SCMP_ACT_KILL, KILL_THREAD, KILL_PROCESS and TRAP end the process by SIGSYS, LOG and ALLOW do not',
  (t) => {
    for (const action of ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP'])
      t.is(shell(action, tryMkdir, profile(onMkdir({ action }))).out, 'status 159\n', action);
    for (const action of ['SCMP_ACT_LOG', 'SCMP_ACT_ALLOW'])
      t.is(shell(action, tryMkdir, profile(onMkdir({ action }))).out, 'status 0\n', action);
    // Without a tracer the kernel answers ENOSYS (seccomp(2)).
    t.regex(shell('trace', tryMkdir, profile(onMkdir({ action: 'SCMP_ACT_TRACE' }))).err, /not implemented/);
  },
);

linux('defaultAction and defaultErrnoRet are for what no rule names', (t) => {
  const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 28, syscalls: [] };
  const all = runtime(['features']).status;
  t.is(all, 0);
  const { status, err } = runtime([
    'run',
    '-b',
    bundle('all', ['true'], { linux: linuxWith({ seccomp }) }),
    unique('all'),
  ]);
  t.not(status, 0, err);
});

linux('args: every operator, on the argument of that index', (t) => {
  // The shell's builtin calls kill(2) once, with the signal as its argument 1.
  const refused = (op: string, value: number, valueTwo?: number) =>
    [8, 16, 24].filter((signal) => {
      const args = [{ index: 1, op, value, ...(valueTwo === undefined ? {} : { valueTwo }) }];
      const rule = { names: ['kill'], action: 'SCMP_ACT_KILL_PROCESS', args };
      return shell(`${op}-${signal}`, `kill -${signal} 99999 2>&1; true`, profile(rule)).status !== 0;
    });
  t.deepEqual(refused('SCMP_CMP_EQ', 16), [16]);
  t.deepEqual(refused('SCMP_CMP_NE', 16), [8, 24]);
  t.deepEqual(refused('SCMP_CMP_LT', 16), [8]);
  t.deepEqual(refused('SCMP_CMP_LE', 16), [8, 16]);
  t.deepEqual(refused('SCMP_CMP_GE', 16), [16, 24]);
  t.deepEqual(refused('SCMP_CMP_GT', 16), [24]);
  t.deepEqual(refused('SCMP_CMP_MASKED_EQ', 8, 8), [8, 24]);
});

linux(
  'flags and architectures of the specification are taken; the filter is there without noNewPrivileges',
  (t) => {
    const flags = ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_TSYNC'];
    const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_RISCV64'];
    const more = profile(onMkdir({ action: 'SCMP_ACT_ERRNO' }), { flags, architectures });
    t.is(shell('flags', 'grep Seccomp: /proc/self/status', more).out, 'Seccomp:\t2\n');
  },
);

linux('a process that enters has the filter, too', (t) => {
  const id = unique('entered');
  const path = bundle('entered', ['sleep', '60'], profile(onMkdir({ action: 'SCMP_ACT_ERRNO' })));
  runtime(['run', '-d', '-b', path, id], 'ignore');
  t.regex(runtime(['exec', id, 'mkdir', '/x']).err, /Operation not permitted/);
});

linux('what a profile cannot mean is refused by name', (t) => {
  const cases: readonly (readonly [string, object, RegExp])[] = [
    [
      'action',
      profile(onMkdir({ action: 'SCMP_ACT_X' })),
      /syscalls\[0\]\.action: unknown value "SCMP_ACT_X"/,
    ],
    ['names', profile({ names: [], action: 'SCMP_ACT_ALLOW' }), /syscalls\[0\]\.names: at least one/],
    [
      'errno-kill',
      profile(onMkdir({ action: 'SCMP_ACT_KILL', errnoRet: 1 })),
      /errnoRet is for SCMP_ACT_ERRNO/,
    ],
    ['flag', profile(onMkdir({ action: 'SCMP_ACT_LOG' }), { flags: ['X'] }), /unknown flag "X"/],
    [
      'arch',
      profile(onMkdir({ action: 'SCMP_ACT_LOG' }), { architectures: ['X'] }),
      /unknown architecture "X"/,
    ],
    ['metadata', profile(onMkdir({ action: 'SCMP_ACT_LOG' }), { listenerMetadata: 'x' }), /listenerMetadata/],
    [
      'nobody',
      profile(onMkdir({ action: 'SCMP_ACT_NOTIFY' })),
      /listenerPath: SCMP_ACT_NOTIFY needs the socket/,
    ],
    [
      'send',
      profile({ names: ['sendmsg'], action: 'SCMP_ACT_NOTIFY' }, { listenerPath: '/x' }),
      /cannot be used for sendmsg/,
    ],
    [
      'op',
      profile(onMkdir({ action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 1, op: 'X' }] })),
      /args\[0\]\.op/,
    ],
    [
      'index',
      profile(onMkdir({ action: 'SCMP_ACT_LOG', args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] })),
      /index/,
    ],
  ];
  for (const [name, more, message] of cases) t.regex(complaint(name, more), message, name);
});

/** Takes connections, says what each sent, and answers the first call that it is notified of with errno 28. */
const agent = `
import array, fcntl, json, os, socket, struct, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1]); server.listen(4)
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    connection, _address = server.accept()
    text, controls, _flags, _from = connection.recvmsg(65536, socket.CMSG_SPACE(4))
    fds = array.array("i"); fds.frombytes(controls[0][2][:4])
    rest = connection.recv(65536)  # empty: the connection is closed after one state
    notification = bytearray(80)
    fcntl.ioctl(fds[0], 0xc0502100, notification)  # SECCOMP_IOCTL_NOTIF_RECV
    identity, pid = struct.unpack_from("QI", notification)
    fcntl.ioctl(fds[0], 0xc0182101, bytearray(struct.pack("QqiI", identity, 0, -28, 0)))  # SECCOMP_IOCTL_NOTIF_SEND
    print(json.dumps({"state": json.loads(text), "rest": len(rest), "caller": pid}), flush=True)
    os.close(fds[0])
`;

interface Heard {
  readonly state: {
    readonly ociVersion: string;
    readonly fds: readonly string[];
    readonly pid: number;
    readonly metadata: string;
    readonly state: {
      readonly id: string;
      readonly status: string;
      readonly pid: number;
      readonly bundle: string;
    };
  };
  readonly rest: number;
}

async function listen(socket: string, connections: number): Promise<() => Promise<Heard[]>> {
  const child = spawn('timeout', ['30', 'python3', '-c', agent, socket, String(connections)]);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    out += part;
  });
  await until(() => out.startsWith('ready'));
  return async () => {
    await until(() => out.trim().split('\n').length > connections);
    return out
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line) as Heard);
  };
}

withAgent(
  'SCMP_ACT_NOTIFY: at start the agent is sent the state and the descriptor, and decides',
  async (t) => {
    const id = unique('notify');
    const listenerPath = join(directory, 'agent.sock');
    const heard = await listen(listenerPath, 2);
    const more = profile(onMkdir({ action: 'SCMP_ACT_NOTIFY' }), {
      listenerPath,
      listenerMetadata: 'some words',
    });
    const path = bundle('notify', ['sh', '-c', 'mkdir /x 2> /said; sleep 60'], more);
    t.is(runtime(['create', '-b', path, id], 'ignore').status, 0);
    t.is(runtime(['start', id], 'ignore').status, 0);
    const said = join(path, 'rootfs/said');
    await until(() => existsSync(said) && readFileSync(said, 'utf8') !== '');
    t.regex(readFileSync(said, 'utf8'), /No space left/);
    const { pid } = JSON.parse(runtime(['state', id]).out) as { pid: number };
    t.regex(runtime(['exec', id, 'mkdir', '/y']).err, /No space left/);
    const [atStart, atExec] = await heard();
    t.like(atStart, {
      rest: 0,
      state: { ociVersion: '1.2.0', fds: ['seccompFd'], pid, metadata: 'some words' },
    });
    t.like(atStart?.state.state, { id, pid, bundle: path });
    t.like(atExec?.state.state, { id, pid, bundle: path, status: 'running' });
    t.not(atExec?.state.pid, pid);
  },
);

withAgent('an agent that is not there makes start fail', (t) => {
  const id = unique('no-agent');
  const listenerPath = join(directory, 'nobody.sock');
  const more = profile(onMkdir({ action: 'SCMP_ACT_NOTIFY' }), { listenerPath });
  t.is(runtime(['create', '-b', bundle('no-agent', ['sleep', '60'], more), id], 'ignore').status, 0);
  const { status, err } = runtime(['start', id]);
  t.is(status, 1);
  t.regex(err, /nobody\.sock/);
});
