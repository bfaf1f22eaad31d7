/** runc's command line: man/runc*.8, and the forms that engines read. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  bundle,
  cleanUp,
  type config,
  directory,
  linux,
  linuxWith,
  mountsWith,
  processWith,
  program,
  root,
  runtime,
  started,
  statusOf,
  unique,
  until,
} from './bundle.ts';

test.after.always(cleanUp);

const terminal = {
  process: processWith(['sleep', '60'], { terminal: true }),
  mounts: mountsWith(
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
  ),
};

linux('every command lists its flags by --help, -h, and all of them by help', (t) => {
  const commands =
    'create start state kill delete run exec list ps pause resume update events features spec'.split(' ');
  for (const command of commands) {
    const { status, out } = runtime([command, '--help']);
    t.is(status, 0, command);
    t.regex(out, /usage: strake-runtime/);
  }
  t.regex(runtime(['create', '-h']).out, /--bundle, -b VALUE/);
  for (const word of ['help', 'h', '--help']) t.regex(runtime([word]).out, /commands:.* create .* spec/);
  t.regex(runtime(['--version']).out, /^strake-runtime version .*\nspec: 1\.2\.0\n$/);
});

linux('too many operands, unknown flags, flags without a value and words for booleans are refused', (t) => {
  t.regex(runtime(['state', 'a', 'b']).err, /unexpected argument "b"/);
  t.regex(runtime(['list', 'a']).err, /unexpected argument "a"/);
  t.regex(runtime(['kill', 'a', 'TERM', 'c']).err, /unexpected argument "c"/);
  t.regex(runtime(['create', '--bundel', 'x', 'id']).err, /not defined: -bundel/);
  t.regex(runtime(['create', '--bundle']).err, /needs an argument: -bundle/);
  t.regex(runtime(['run', '--detach=perhaps', 'id']).err, /invalid value "perhaps" for --detach/);
});

linux('errors are one line of text or JSON in --log, and on standard error without it', (t) => {
  const log = join(directory, 'log');
  runtime(['--log', log, 'state', unique('x')]);
  t.regex(readFileSync(log, 'utf8'), /^time="[^"]+" level=error msg="container .* does not exist"\n$/);
  const json = join(directory, 'log.json');
  runtime(['--log', json, '--log-format', 'json', 'state', unique('x')]);
  runtime(['--log', json, '--log-format=json', 'state', unique('y')]);
  const lines = readFileSync(json, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  t.is(lines.length, 2);
  t.deepEqual(Object.keys(lines[0] ?? {}).sort(), ['level', 'msg', 'time']);
  t.regex(lines[0]?.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const { err } = runtime(['--log-format', 'json', 'state', unique('x')]);
  t.like(JSON.parse(err) as object, { level: 'error' });
  t.regex(runtime(['--log', '/nonexistent/log', 'list']).err, /\/nonexistent\/log/);
});

linux('list as table, as JSON and as ids', (t) => {
  const id = started('listed');
  const { out } = runtime(['list']);
  t.regex(out, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER\n/);
  t.regex(out, new RegExp(`^${id} +\\d+ +running +${join(directory, 'listed')} +\\S+Z +root$`, 'm'));
  const rows = JSON.parse(runtime(['list', '-f', 'json']).out) as { id: string }[];
  t.like(
    rows.find((row) => row.id === id),
    { ociVersion: '1.2.0', status: 'running', owner: 'root' },
  );
  t.true(runtime(['list', '--quiet']).out.split('\n').includes(id));
  t.regex(runtime(['list', '-f', 'xml']).err, /invalid format/);
  const empty = spawnSync(program, ['--root', join(directory, 'none'), 'list', '-f', 'json'], {
    encoding: 'utf8',
  });
  t.is(empty.stdout, '[]\n');
});

linux('ps as table with the options of ps(1), and as JSON', (t) => {
  const id = started('ps');
  const { pid } = JSON.parse(runtime(['state', id]).out) as { pid: number };
  t.is(runtime(['ps', '--format', 'json', id]).out, `[${pid}]\n`);
  t.regex(runtime(['ps', id]).out, /^UID +PID .*\n.* sleep 60\n$/);
  t.regex(runtime(['ps', id, '-o', 'pid,comm']).out, new RegExp(`^ *PID COMMAND\\n *${pid} sleep\\n$`));
  t.regex(runtime(['ps', id, '-o', 'comm']).err, /no PID column/);
});

linux('exec: user, group, environment, working directory, capabilities and noNewPrivileges', (t) => {
  const user = { uid: 0, gid: 7, additionalGids: [8] };
  const id = started('exec', { process: processWith(['sleep', '60'], { user }) });
  const exec = (...args: string[]) => runtime(['exec', ...args]).out;
  t.is(exec('--user', '1000:1001', id, 'sh', '-c', 'id -u; id -g'), '1000\n1001\n');
  t.is(
    exec('-u', '1000', id, 'sh', '-c', 'id -u; id -g'),
    '1000\n7\n',
    'without a group the container’s own',
  );
  t.is(exec('--additional-gids', '9', '-g', '10', id, 'id', '-G'), '7 8 9 10\n');
  t.is(exec('--env', 'A=1', '-e', 'B=2 3', id, 'sh', '-c', 'echo "$A $B"'), '1 2 3\n');
  t.is(exec('--cwd', '/tmp', id, 'sh', '-c', 'pwd'), '/tmp\n');
  t.regex(exec('--cap', 'CAP_KILL', id, 'cat', '/proc/self/status'), /CapBnd:\t0+20\n/);
  t.regex(exec('--no-new-privs', id, 'cat', '/proc/self/status'), /NoNewPrivs:\t1/);
  t.is(exec(id, '--', 'echo', '--', '-n'), '-- -n\n');
  t.regex(runtime(['exec', '-u', 'somebody', id, 'sh']).err, /--user: "somebody"/);
  t.regex(runtime(['exec', '--cap', 'CAP_X', id, 'sh']).err, /unknown capability CAP_X/);
});

linux('exec: the exit status is the program’s, or 255 when it could not be run', (t) => {
  const id = started('status');
  t.is(runtime(['exec', id, 'sh', '-c', 'exit 42']).status, 42);
  t.is(runtime(['exec', id, 'sh', '-c', 'kill -9 $$']).status, 137);
  t.is(runtime(['exec', id, '/nonexistent']).status, 255);
  t.is(runtime(['exec', unique('unknown'), 'sh']).status, 255);
  t.is(runtime(['exec', id]).status, 255);
  t.is(runtime(['state', 'exec']).status, 1);
});

linux('exec: --process, --detach and --pid-file', (t) => {
  const id = started('process');
  const file = join(directory, 'process.json');
  const pidFile = join(directory, 'exec.pid');
  writeFileSync(
    file,
    JSON.stringify(processWith(['sh', '-c', 'echo $WORD; exit 3'], { env: ['PATH=/bin', 'WORD=w'] })),
  );
  t.like(runtime(['exec', '--process', file, id]), { status: 3, out: 'w\n' });
  t.is(runtime(['exec', '-d', '--pid-file', pidFile, id, 'sleep', '30'], 'ignore').status, 0);
  t.is(readFileSync(`/proc/${readFileSync(pidFile, 'utf8')}/cmdline`, 'utf8'), 'sleep\0' + '30\0');
  t.regex(runtime(['exec', '-p', join(directory, 'absent.json'), id]).err, /absent\.json/);
  writeFileSync(file, JSON.stringify({ cwd: 'relative' }));
  t.regex(runtime(['exec', '-p', file, id]).err, /cwd: must be absolute/);
  t.regex(runtime(['exec', '--pid-file', '/nonexistent/pid', id, 'sleep', '30']).err, /\/nonexistent\/pid/);
  t.notRegex(runtime(['ps', id]).out, /sleep 30.*\n.*sleep 30/, 'what nobody was told of has ended');
});

linux('exec: --tty, and a paused container only with --ignore-paused', (t) => {
  const id = started('tty', { mounts: terminal.mounts });
  t.regex(runtime(['exec', '--tty', id, 'tty']).out, /^\/dev\/pts\/\d+\r\n$/);
  t.regex(runtime(['exec', '-t', '-d', id, 'tty']).err, /--console-socket/);
  t.regex(runtime(['exec', '--console-socket', '/x', id, 'tty']).err, /--tty/);
  runtime(['pause', id]);
  t.regex(runtime(['exec', id, 'true']).err, /paused/);
  const pidFile = join(directory, 'paused.pid');
  const ignoring = ['exec', '--ignore-paused', '-d', '--pid-file', pidFile, id, 'sleep', '1'];
  const child = spawnSync('timeout', ['1', program, '--root', root, ...ignoring], { stdio: 'ignore' });
  t.true(child.status === 0 || child.status === 124, 'it waits for the resume at the latest');
  t.is(runtime(['resume', id]).status, 0);
});

linux('exec: --cgroup runs in a group below the container’s, which must exist', (t) => {
  const cgroupsPath = `/${unique('subgroups')}`;
  const id = started('subgroups', { linux: linuxWith({ cgroupsPath }) });
  t.regex(runtime(['exec', '--cgroup', 'absent', id, 'true']).err, /absent does not exist/);
  t.regex(runtime(['exec', '--cgroup', 'memory:x', id, 'true']).err, /give the path alone/);
  t.is(runtime(['exec', '--cgroup', '/', id, 'true']).status, 0);
  const groups = spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', cgroupsPath.slice(1)], {
    encoding: 'utf8',
  });
  for (const group of groups.stdout.trim().split('\n')) {
    mkdirSync(join(group, 'sub'));
    // cpuset(7): a group of v1's takes no process before it has both.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(group, 'sub', file)) && !existsSync(join(group, 'cgroup.controllers')))
        writeFileSync(join(group, 'sub', file), readFileSync(join(group, file)));
  }
  const { out, err } = runtime(['exec', '--cgroup', 'sub', id, 'cat', '/proc/self/cgroup']);
  t.regex(out, new RegExp(`memory.*:${cgroupsPath}/sub$|^0::${cgroupsPath}/sub$`, 'm'), err);
});

linux('LISTEN_FDS of this process are passed on, and --preserve-fds after them', (t) => {
  const file = join(directory, 'passed');
  writeFileSync(file, 'passed\n');
  const descriptor = openSync(file, 'r');
  const path = bundle('listen', [
    'sh',
    '-c',
    'echo $LISTEN_FDS $LISTEN_PID; cat <&3; ls /proc/self/fd | wc -l',
  ]);
  const script = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"';
  const run = (text: string, ...flags: string[]) =>
    spawnSync(
      'sh',
      ['-c', text, 'sh', program, '--root', root, 'run', ...flags, '-b', path, unique('listen')],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe', descriptor, descriptor],
      },
    );
  try {
    // 0, 1, 2, the one of ls itself, and what was passed
    t.is(run(script).stdout, '1 1\npassed\n5\n');
    t.is(run(script, '--preserve-fds', '1').stdout, '1 1\n6\n', 'the file has been read to its end');
    t.notRegex(run(script.replace('$$', '1')).stdout, /^1 1/, 'they are another process’s');
  } finally {
    closeSync(descriptor);
  }
});

linux('--preserve-fds takes a number of descriptors that are open', (t) => {
  const path = bundle('preserve', ['true']);
  for (const count of ['-1', 'x', '', '1025'])
    t.regex(
      runtime(['run', `--preserve-fds=${count}`, '-b', path, unique('preserve')]).err,
      /expected 0 to 1024/,
    );
});

linux(
  '--console-socket: a missing one, a file and one that nobody listens on are refused, and nothing is left',
  (t) => {
    const path = bundle('console', [], terminal);
    const id = unique('console');
    const create = (socket: string) => runtime(['create', '-b', path, '--console-socket', socket, id]).err;
    t.regex(create('/nonexistent/socket'), /\/nonexistent\/socket.*No such file/);
    const file = join(directory, 'regular');
    writeFileSync(file, '');
    t.regex(create(file), /regular.*socket/i);
    t.is(readFileSync(file, 'utf8'), '');
    const dead = join(directory, 'dead.sock');
    spawnSync('python3', ['-c', 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', dead]);
    if (existsSync(dead)) t.regex(create(dead), /refused/);
    t.regex(create(`/tmp/${'x'.repeat(120)}`), /too long/);
    t.regex(runtime(['state', id]).err, /does not exist/);
  },
);

linux(
  '--pid-file: relative to the caller, and an error where it cannot be written, which leaves nothing',
  (t) => {
    const path = bundle('pid', ['sleep', '60']);
    const id = unique('pid');
    t.regex(runtime(['create', '-b', path, '--pid-file', '/nonexistent/pid', id]).err, /\/nonexistent\/pid/);
    t.regex(runtime(['state', id]).err, /does not exist/);
    const args = ['--root', root, 'run', '-d', '-b', path, '--pid-file', 'here.pid', id];
    t.is(spawnSync(program, args, { cwd: directory, stdio: 'ignore' }).status, 0);
    t.is(
      readFileSync(join(directory, 'here.pid'), 'utf8'),
      String((JSON.parse(runtime(['state', id]).out) as { pid: number }).pid),
    );
  },
);

linux('the bundle is the working directory by default', (t) => {
  const path = bundle('here', ['sh', '-c', 'exit 4']);
  t.is(spawnSync(program, ['--root', root, 'run', unique('here')], { cwd: path }).status, 4);
});

linux('run --keep leaves a stopped container, run --detach a running one', (t) => {
  const kept = unique('kept');
  t.is(runtime(['run', '--keep', '-b', bundle('kept', ['sh', '-c', 'exit 6']), kept]).status, 6);
  t.is(statusOf(kept), 'stopped');
  t.is(runtime(['delete', kept]).status, 0);
  const detached = unique('detached');
  t.is(runtime(['run', '--detach', '-b', bundle('detached', ['sleep', '60']), detached], 'ignore').status, 0);
  t.is(statusOf(detached), 'running');
});

linux('a signal to a run in the foreground reaches the container', async (t) => {
  const id = unique('forward');
  const path = bundle('forward', [
    'sh',
    '-c',
    'trap "exit 12" TERM; echo up; while true; do sleep 0.1; done',
  ]);
  const script = `"$@" & pid=$!; sleep 1; kill -TERM $pid; wait $pid`;
  const ended = spawnSync('sh', ['-c', script, 'sh', program, '--root', root, 'run', '-b', path, id], {
    timeout: 10_000,
  });
  t.is(ended.status, 12);
});

linux('events --stats has runc’s members, block I/O by device and no sum of devices', (t) => {
  const id = started('stats');
  const { data } = JSON.parse(runtime(['events', '--stats', id]).out) as {
    data: Record<string, object> & { blkio: { ioServiceBytesRecursive: { major: number; op: string }[] } };
  };
  for (const member of ['cpu', 'memory', 'pids', 'blkio', 'hugetlb', 'intel_rdt'])
    t.is(typeof data[member], 'object', member);
  t.true(Array.isArray(data.blkio.ioServiceBytesRecursive));
  for (const { major, op } of data.blkio.ioServiceBytesRecursive) {
    t.true(major > 0);
    t.regex(op, /^(Read|Write|Sync|Async|Discard|Total)$/);
  }
  t.like(data.memory, { usage: { failcnt: 0 } });
});

linux('update takes every flag that changes a file of this host, and empty Intel RDT schemata', (t) => {
  const id = started('update');
  const flags =
    '--cpu-period 100000 --cpu-quota 50000 --cpu-burst 1000 --cpu-share 600 --memory-reservation 32M --memory 64M --memory-swap 128M --pids-limit 40';
  const { status, err } = runtime([
    'update',
    ...flags.split(' '),
    '--l3-cache-schema=',
    '--mem-bw-schema=',
    id,
  ]);
  t.is(status, 0, err);
  const { data } = JSON.parse(runtime(['events', '--stats', id]).out) as {
    data: { pids: object; memory: object };
  };
  t.like(data, { pids: { limit: 40 }, memory: { usage: { limit: 64 << 20 } } });
  t.is(runtime(['update', '--pids-limit', '-1', id]).status, 0);
});

linux('features: what is named is taken', (t) => {
  const features = JSON.parse(runtime(['features']).out) as {
    hooks: string[];
    mountOptions: string[];
    potentiallyUnsafeConfigAnnotations: string[];
    linux: { seccomp: Record<string, string[]>; mountExtensions: object };
  };
  t.deepEqual(features.potentiallyUnsafeConfigAnnotations, []);
  t.like(features.linux.mountExtensions, { idmap: { enabled: true } });
  const must =
    'async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave runbindable rw shared silent slave strictatime suid sync unbindable';
  for (const option of must.split(' ')) t.true(features.mountOptions.includes(option), option);
  t.is(new Set(features.mountOptions).size, features.mountOptions.length);
  const { actions = [], operators = [], archs = [], supportedFlags = [] } = features.linux.seccomp;
  const syscalls = [
    ...actions
      .filter((action) => action !== 'SCMP_ACT_NOTIFY')
      .map((action) => ({ names: ['acct'], action })),
    ...operators.map((op) => ({
      names: ['acct'],
      action: 'SCMP_ACT_LOG',
      args: [{ index: 0, value: 1, op }],
    })),
  ];
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', architectures: archs, flags: supportedFlags, syscalls };
  const path = bundle('features', ['sh', '-c', 'exit 3'], { linux: linuxWith({ seccomp }) });
  const { status, err } = runtime(['run', '-b', path, unique('features')]);
  t.is(status, 3, err);
});

const ordinary = 65_534;

linux(
  'spec --rootless writes a bundle that an ordinary user can run, without limits where no cgroup is his',
  (t) => {
    const place = join('/tmp', unique('rootless'));
    mkdirSync(join(place, 'rootfs'), { recursive: true, mode: 0o755 });
    try {
      spawnSync('cp', ['-a', join(bundle('rootless', []), 'rootfs'), place]);
      spawnSync('cp', [program, join(place, 'runtime')]);
      for (const name of ['sys', 'dev']) mkdirSync(join(place, 'rootfs', name), { recursive: true });
      spawnSync('chown', ['-R', `${ordinary}:${ordinary}`, place]);
      const as = (...args: string[]) =>
        spawnSync(join(place, 'runtime'), ['--root', join(place, 'run'), ...args], {
          uid: ordinary,
          gid: ordinary,
          cwd: place,
          encoding: 'utf8',
          timeout: 10_000,
        });
      t.is(as('spec', '--rootless').status, 0);
      const file = join(place, 'config.json');
      const written = JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof config> & {
        linux: { uidMappings: object[]; resources?: object };
      };
      t.deepEqual(written.linux.uidMappings, [{ containerID: 0, hostID: ordinary, size: 1 }]);
      t.is(written.linux.resources, undefined);
      const process = { ...written.process, terminal: false, args: ['sh', '-c', 'id -u; exit 5'] };
      const mounts = written.mounts.filter(({ destination }) => destination !== '/sys/fs/cgroup');
      writeFileSync(file, JSON.stringify({ ...written, process, mounts }));
      const { status, stdout, stderr } = as('run', unique('rootless'));
      t.is(stdout, '0\n', stderr);
      t.is(status, 5);
      t.regex(stderr, /no cgroup/);
      t.is(as('list', '-q').stdout, '');
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
);

linux('list tells of the others when one container cannot be read, and passes over files', (t) => {
  const id = started('beside');
  const broken = join(root, 'broken');
  const odd = join(root, 'odd name');
  mkdirSync(broken);
  writeFileSync(join(broken, 'state.json'), '{');
  writeFileSync(odd, '');
  const { status, out, err } = runtime(['list']);
  rmSync(broken, { recursive: true });
  rmSync(odd);
  t.is(status, 0);
  t.regex(out, new RegExp(`^${id} `, 'm'));
  t.regex(err, /container broken: state\.json/);
  t.notRegex(err, /odd name/);
});

linux('kill takes the second names of signals', (t) => {
  const id = started('aliases');
  for (const name of ['SIGCLD', 'IO', 'SIGIOT']) t.is(runtime(['kill', id, name]).status, 0, name);
});

linux('ps fails where ps(1) does', (t) => {
  t.is(runtime(['ps', started('ps-fails'), '--no-such-option']).status, 1);
});

linux('kill ends a paused container by SIGKILL, and by no other signal', async (t) => {
  const id = started('killed-paused');
  runtime(['pause', id]);
  t.is(runtime(['kill', id, 'TERM']).status, 0);
  t.is(statusOf(id), 'paused');
  t.is(runtime(['kill', id, 'KILL']).status, 0);
  await until(() => statusOf(id) === 'stopped');
  t.is(statusOf(id), 'stopped');
});

linux('a console socket is refused to who stays and relays the terminal himself', (t) => {
  const path = bundle('two-readers', ['true'], terminal);
  t.regex(
    runtime(['run', '-b', path, '--console-socket', '/nonexistent', unique('two-readers')]).err,
    /cannot use console socket if runc will not detach/,
  );
  t.regex(
    runtime(['exec', '-t', '--console-socket', '/nonexistent', started('staying-exec'), 'true']).err,
    /give --detach and --tty/,
  );
});
