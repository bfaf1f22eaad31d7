/**
 * The attacks of the other files of this folder, on strake-runtime, whose caller and whose bundle are another program's:
 * CVE-2019-5736 (the runtime's own file), CVE-2024-21626 (a working directory by a leaked descriptor), CVE-2025-52565 and
 * CVE-2025-52881 (a console and a /proc that lead elsewhere).
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  bundle,
  cleanUp,
  directory,
  linux,
  mountsWith,
  processWith,
  program,
  root,
  runtime,
  started,
  unique,
  until,
} from '../oci-runtime/bundle.ts';

test.after.always(cleanUp);

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Holds every executable that is not busybox, and tries to write it as long as it may; says in /seen what it held. */
const attacker = `
  trap '' TERM
  end=$(($(cut -d. -f1 /proc/uptime) + 9))
  while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do
    for exe in /proc/[0-9]*/exe; do
      link=$(readlink $exe) || continue
      case $link in *busybox*) continue;; esac
      exec 9< $exe || continue
      echo "$link" >> /seen
      for try in 1 2 3 4 5 6 7 8; do
        { echo evil > /proc/self/fd/9; } 2>/dev/null && echo "$link" >> /written
        sleep 0.1
      done
      echo >> /tried
    done
  done`;

linux('a container that makes the command execute itself cannot write the command’s file', async (t) => {
  const copy = join(directory, 'copy-of-the-command');
  cpSync(program, copy);
  const before = digest(copy);
  const id = unique('overwrite');
  const capabilities = {
    bounding: ['CAP_SYS_PTRACE'],
    permitted: ['CAP_SYS_PTRACE'],
    effective: ['CAP_SYS_PTRACE'],
  };
  const process = processWith(['sh', '-c', attacker], { capabilities });
  const path = bundle('overwrite', [], { process });
  for (const applet of ['cut', 'seq']) symlinkSync('busybox', join(path, 'rootfs/bin', applet));
  writeFileSync(join(path, 'rootfs/bin/self'), '#!/proc/self/exe\n', { mode: 0o755 });
  const run = (...args: string[]) =>
    spawnSync(copy, ['--root', root, ...args], { stdio: 'ignore', timeout: 8000 });
  t.is(run('run', '--detach', '-b', path, id).status, 0);
  const rootfs = (name: string) => join(path, 'rootfs', name);
  for (let n = 0; n < 40 && !existsSync(rootfs('seen')); n++) {
    run('exec', id, '/proc/self/exe', 'events', 'x');
    run('exec', id, '/bin/self');
  }
  // Nothing of the command runs any more, so that its file is not busy.
  await until(() => existsSync(rootfs('tried')));
  t.true(existsSync(rootfs('seen')), 'the attack saw the command');
  t.false(existsSync(rootfs('written')));
  t.is(digest(copy), before);
  run('delete', '-f', id);
});

linux(
  'no working directory below /proc/self/fd leads to the host, at create or exec, with a directory of the caller’s open',
  (t) => {
    const outside = join(directory, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'of-the-host'), '');
    const leaked = openSync(outside, 'r');
    const stdio = ['ignore', 'pipe', 'pipe', ...Array.from({ length: 5 }, () => leaked)] as const;
    const look = ['sh', '-c', 'ls; ls ..'];
    const id = started('entered');
    try {
      for (let fd = 0; fd < 16; fd++) {
        for (const end of ['', '/..']) {
          const cwd = `/proc/self/fd/${fd}${end}`;
          const name = `cwd-${fd}-${end.length}`;
          const path = bundle(name, [], { process: processWith(look, { cwd }) });
          const ran = runtime(['run', '-b', path, unique(name)], stdio);
          const entered = runtime(['exec', '--cwd', cwd, id, ...look], stdio);
          for (const { out } of [ran, entered]) t.notRegex(out, /of-the-host|strake-oci/, cwd);
          rmSync(path, { recursive: true });
        }
      }
    } finally {
      closeSync(leaked);
    }
  },
);

linux('a process has its three descriptors and no other, whatever the caller has open', (t) => {
  const leaked = openSync(directory, 'r');
  const stdio = ['ignore', 'pipe', 'pipe', leaked, leaked, leaked] as const;
  const list = ['sh', '-c', 'for fd in /proc/self/fd/*; do readlink $fd; done | grep -v ^/proc/; true'];
  const id = started('closed');
  try {
    const path = bundle('descriptors', list);
    for (const outcome of [
      runtime(['run', '-b', path, unique('descriptors')], stdio),
      runtime(['exec', id, ...list], stdio),
    ])
      t.notRegex(outcome.out, new RegExp(directory), outcome.err);
  } finally {
    closeSync(leaked);
  }
});

const terminals = {
  destination: '/dev/pts',
  type: 'devpts',
  source: 'devpts',
  options: ['newinstance', 'ptmxmode=0666'],
};

linux("a hook of the image's, and an init that waits, have no descriptor of the caller's", (t) => {
  const id = unique('inherited');
  const list = 'for fd in /proc/self/fd/* /proc/1/fd/*; do readlink $fd; done > /seen';
  const hooks = { startContainer: [{ path: '/bin/sh', args: ['sh', '-c', list], env: ['PATH=/bin'] }] };
  const path = bundle('inherited', ['sleep', '60'], { hooks });
  const host = openSync('/usr/lib', 'r');
  const place = ['ignore', 'ignore', 'ignore', host, host] as const;
  t.is(runtime(['create', '-b', path, id], place).status, 0);
  const { out } = runtime(
    ['exec', id, 'sh', '-c', 'ls -l /proc/1/fd /proc/self/fd'],
    ['ignore', 'pipe', 'ignore', host],
  );
  t.is(runtime(['start', id], place).status, 0);
  closeSync(host);
  t.regex(out, /-> /);
  t.notRegex(out, /usr\/lib/);
  const seen = readFileSync(join(path, 'rootfs/seen'), 'utf8');
  t.regex(seen, /dev\/null/);
  t.notRegex(seen, /usr\/lib/);
});

linux('a /dev/console that is a link, and a /dev/pts that is none, are refused', (t) => {
  const target = join(directory, 'console-target');
  writeFileSync(target, 'as it was\n');
  const process = processWith(['true'], { terminal: true });
  const linked = bundle('linked-console', [], { process, mounts: mountsWith(terminals) });
  symlinkSync('/proc/sysrq-trigger', join(linked, 'rootfs/dev/console'));
  t.regex(runtime(['run', '-b', linked, unique('linked-console')]).err, /\/dev\/console is a symbolic link/);
  const other = { destination: '/dev/pts', type: 'tmpfs', source: 'tmpfs' };
  const fake = bundle('fake-pts', [], { process, mounts: mountsWith(other) });
  t.regex(runtime(['run', '-b', fake, unique('fake-pts')]).err, /ptmx|devpts/);
  t.is(readFileSync(target, 'utf8'), 'as it was\n');
});

linux('exec --tty does not open what a container puts in place of its /dev/pts', (t) => {
  const capabilities = {
    bounding: ['CAP_SYS_ADMIN'],
    permitted: ['CAP_SYS_ADMIN'],
    effective: ['CAP_SYS_ADMIN'],
  };
  const process = processWith(['sleep', '60'], { capabilities });
  const id = started('moved-pts', { process, mounts: mountsWith(terminals) });
  runtime(['exec', id, 'mount', '-t', 'tmpfs', 'x', '/dev/pts']);
  runtime(['exec', id, 'sh', '-c', 'echo trap > /dev/pts/ptmx']);
  t.regex(runtime(['exec', '--tty', id, 'true']).err, /devpts/);
  t.is(runtime(['exec', id, 'cat', '/dev/pts/ptmx']).out, 'trap\n');
});

linux('what exec sets by /proc does not go to a /proc of the container’s making', (t) => {
  const capabilities = {
    bounding: ['CAP_SYS_ADMIN'],
    permitted: ['CAP_SYS_ADMIN'],
    effective: ['CAP_SYS_ADMIN'],
  };
  const id = started('hostile-proc', { process: processWith(['sleep', '60'], { capabilities }) });
  runtime(['exec', id, 'mount', '-t', 'tmpfs', 'x', '/proc']);
  runtime(['exec', id, 'sh', '-c', 'mkdir -p /proc/self/attr; echo untouched > /proc/self/oom_score_adj']);
  const file = join(directory, 'adjusted.json');
  const pidFile = join(directory, 'adjusted.pid');
  writeFileSync(file, JSON.stringify(processWith(['sleep', '30'], { oomScoreAdj: 432 })));
  t.is(runtime(['exec', '-d', '-p', file, '--pid-file', pidFile, id], 'ignore').status, 0);
  t.is(readFileSync(`/proc/${readFileSync(pidFile, 'utf8')}/oom_score_adj`, 'utf8'), '432\n');
  t.is(runtime(['exec', id, 'cat', '/proc/self/oom_score_adj']).out, 'untouched\n');
});
