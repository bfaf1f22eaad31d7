import { existsSync } from 'node:fs';
import test from 'ava';
import type { Engine, RunOptions, RunResult } from '../../lib/engine/index.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { openStockedEngine, type StockedEngine } from '../fixtures/stocked-engine.ts';

let stock: StockedEngine;
let engine: Engine;
let busybox: string;
let debian: string;

test.before(async () => {
  stock = await openStockedEngine();
  ({ engine, busybox, debian } = stock);
});

test.after.always(async () => {
  await stock?.[Symbol.asyncDispose]();
});

test.serial('what needs more memory than its limit is killed, and said to have been', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const result = await engine.run(busybox, ['tail', '/dev/zero'], { limits: { memory: '32m' } });
  t.true(result.oomKilled);
  t.is(result.exitCode, 137);
});

test.serial('what stays within its memory is not said to have been killed for it', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const result = await shell(busybox, `sh -c 'kill -9 $$'; exit $?`, { limits: { memory: '32m' } });
  t.false(result.oomKilled);
  t.is(result.exitCode, 137);
});

test.serial(
  'a child that the memory limit killed is said to have been, though its parent went on',
  async (t) => {
    await using _ = await watchLeaks(t, engine);
    const result = await shell(busybox, 'tail /dev/zero; echo "and $?"', { limits: { memory: '32m' } });
    t.is(result.stdout, 'and 137\n');
    t.true(result.oomKilled);
  },
);

test.serial('the writable layer of a shared memory mount counts as memory', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const result = await shell(busybox, 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60', {
    limits: { memory: '32m', shmSize: '64m' },
  });
  t.true(result.oomKilled);
});

test.serial('/dev/shm is as large as was asked for', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const result = await shell(
    busybox,
    'dd if=/dev/zero of=/dev/shm/x bs=1M count=20; df -k /dev/shm | tail -n1',
    {
      limits: { shmSize: '8m' },
    },
  );
  t.regex(result.stderr, /No space left/);
  t.regex(result.stdout, /\b8192\b/);
});

test.serial('a fork bomb stops at the limit of processes and leaves nothing', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const bomb = 'bomb() { bomb | bomb & }; bomb; for i in 1 2 3 4 5 6 7 8 9 10; do usleep 100000; done';
  const result = await shell(busybox, bomb, { limits: { pids: 20 }, timeout: 60_000 });
  t.regex(result.stderr, /can't fork/);
});

test.serial('of many processes only as many as the limit run at once', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const program = `
import os, time
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            time.sleep(1000)
        made += 1
except BlockingIOError:
    pass
print(made)`;
  const result = await engine.run(debian, ['python3', '-c', program], { limits: { pids: 10 } });
  t.is(result.stdout, '9\n');
});

test.serial('a quarter of a CPU is a quarter of a CPU', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const program = `
import time
end, before = time.monotonic() + 2, time.process_time()
while time.monotonic() < end: pass
print(time.process_time() - before)`;
  const result = await engine.run(debian, ['python3', '-c', program], { limits: { cpus: 0.25 } });
  const used = Number(result.stdout);
  t.true(used > 0.25 && used < 0.75, `used ${used} s of 2 s`);
});

test.serial('a container bound to one CPU sees and uses that one', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const program = 'import os; print(sorted(os.sched_getaffinity(0)))';
  const result = await engine.run(debian, ['python3', '-c', program], { limits: { cpusetCpus: '0' } });
  t.is(result.stdout, '[0]\n');
});

test.serial("an ulimit is the process's own", async (t) => {
  await using _ = await watchLeaks(t, engine);
  const result = await shell(busybox, 'ulimit -Sn; ulimit -Hn', {
    limits: { ulimits: { nofile: { soft: 64, hard: 128 } } },
  });
  t.is(result.stdout, '64\n128\n');
});

test.serial(
  'a system call that the default profile does not list is refused, and only by the profile',
  async (t) => {
    await using _ = await watchLeaks(t, engine);
    const confined = await callKeyctl({});
    t.is(confined.stdout, '-1 1\n');
    const free = await callKeyctl({ security: { seccomp: 'unconfined' } });
    t.not(free.stdout, '-1 1\n');
  },
);

test.serial("a profile of the caller's own decides", async (t) => {
  await using _ = await watchLeaks(t, engine);
  const seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
  };
  const result = await shell(busybox, 'mkdir /tmp/x', { security: { seccomp } });
  t.regex(result.stderr, /Operation not supported|Not supported/);
});

test.serial('a container may not mount, though its user is root', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const result = await shell(busybox, 'mount -t tmpfs tmpfs /tmp; unshare -m true; unshare -U true');
  t.is(result.stderr.match(/not permitted|permission denied/g)?.length, 3, result.stderr);
});

test.serial('a device that was not given cannot be opened, though its node can be made', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const script = 'mknod /tmp/loop-control c 10 237 && : </tmp/loop-control';
  const refused = await shell(busybox, script);
  t.regex(refused.stderr, /Operation not permitted/);
  const allowed = await shell(busybox, script, { deviceCgroupRules: ['c 10:237 rw'] });
  t.is(allowed.stderr, '');
  t.is(allowed.exitCode, 0);
});

test.serial('the usual devices work and no other exists', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const script =
    'head -c 4 /dev/zero | od -An -tx1; echo x >/dev/full; head -c 8 /dev/urandom | wc -c; ls /dev';
  const result = await shell(busybox, script);
  const [zeros, random, ...nodes] = result.stdout.trim().split('\n');
  t.is(zeros?.trim(), '00 00 00 00');
  t.regex(result.stderr, /No space left/);
  t.is(random?.trim(), '8');
  const usual = 'core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(
    ' ',
  );
  t.deepEqual(
    nodes.filter((name) => !usual.includes(name)),
    [],
  );
});

test.serial('masked paths show nothing and read-only paths cannot be written', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const script = [
    'cat /proc/kcore /proc/timer_list /proc/keys 2>/dev/null | wc -c',
    'ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | grep -c .',
    'echo 1 >/proc/sys/kernel/panic',
    ...(existsSync('/proc/sysrq-trigger')
      ? ['echo h >/proc/sysrq-trigger']
      : ['echo 1 >/proc/sys/vm/overcommit_memory']),
    'mkdir /sys/fs/cgroup/x',
  ].join('; ');
  const result = await shell(busybox, script);
  t.deepEqual(result.stdout.trim().split('\n'), ['0', '0']);
  t.is(result.stderr.match(/Read-only file system/g)?.length, 3, result.stderr);
});

test.serial("a container has Docker's fourteen capabilities, and fewer when they are dropped", async (t) => {
  await using _ = await watchLeaks(t, engine);
  const show = 'grep CapBnd /proc/self/status';
  t.is((await shell(busybox, show)).stdout, 'CapBnd:\t00000000a80425fb\n');
  t.is((await shell(busybox, show, { capDrop: ['ALL'] })).stdout, 'CapBnd:\t0000000000000000\n');
  t.is(
    (await shell(busybox, show, { capDrop: ['ALL'], capAdd: ['NET_RAW'] })).stdout,
    'CapBnd:\t0000000000002000\n',
  );
});

test.serial('a container without network has a loopback interface and nothing else', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const result = await shell(
    busybox,
    'ls /sys/class/net; ip -4 addr show lo | grep -o 127.0.0.1/8; cat /proc/net/route | wc -l',
  );
  t.deepEqual(result.stdout.trim().split('\n'), ['lo', '127.0.0.1/8', '1']);
});

function shell(
  image: string,
  script: string,
  options: RunOptions & { encoding?: 'utf8' } = {},
): Promise<RunResult> {
  return engine.run(image, ['sh', '-c', script], options);
}

/** keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0): "result errno". */
function callKeyctl(options: RunOptions & { encoding?: 'utf8' }): Promise<RunResult> {
  const number = process.arch === 'arm64' ? 219 : 250;
  const program = `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(${number}, 0, -3, 0), ctypes.get_errno())`;
  return engine.run(debian, ['python3', '-c', program], options);
}
