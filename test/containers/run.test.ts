import { readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { EngineError } from '../../lib/errors/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());
test.afterEach.always(async (t) => {
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('run answers code and output, and leaves nothing', async (t) => {
  const { engine, image } = t.context;
  const result = await engine.run(image, ['sh', '-c', 'echo out; echo err >&2; exit 3']);
  t.deepEqual(result, { exitCode: 3, stdout: 'out\n', stderr: 'err\n', oomKilled: false, warnings: [] });
});

test.serial('a signal that ended it is named', async (t) => {
  const { engine, image } = t.context;
  t.like(await engine.run(image, ['sh', '-c', 'kill -9 $$'], { init: false }), { exitCode: 0 }); // process 1 is immune
  t.like(await engine.run(image, ['sh', '-c', 'sh -c "kill -9 \\$\\$"; exit $?']), { exitCode: 137 });
});

test.serial(
  "the program's umask hides neither /etc files nor volumes from a container's users",
  async (t) => {
    const { engine, image } = t.context;
    const before = process.umask(0o077);
    try {
      const script = 'cat /etc/hosts /etc/hostname /etc/resolv.conf >/dev/null && cd /v && echo all';
      const spec = { user: '33:33', mounts: [{ type: 'volume' as const, target: '/v' }] };
      t.like(await engine.run(image, ['sh', '-c', script], spec), { exitCode: 0, stdout: 'all\n' });
    } finally {
      process.umask(before);
    }
  },
);

test.serial('input is text, bytes or a stream', async (t) => {
  const { engine, image } = t.context;
  for (const input of ['text', Buffer.from('text'), Readable.from(['te', 'xt'])]) {
    t.is((await engine.run(image, ['cat'], { input })).stdout, 'text');
  }
  t.is((await engine.run(image, ['cat'])).stdout, '');
});

test.serial('bytes are not touched with encoding buffer', async (t) => {
  const { engine, image } = t.context;
  const input = Buffer.from([0, 255, 128, 10, 13]);
  t.deepEqual((await engine.run(image, ['cat'], { input, encoding: 'buffer' })).stdout, input);
});

test.serial('too long a command is killed, with what it said in the details', async (t) => {
  const { engine, image } = t.context;
  const error = await t.throwsAsync(
    engine.run(image, ['sh', '-c', 'echo so far; sleep 100'], { timeout: 300 }),
    {
      code: 'ERR_TIMEOUT',
    },
  );
  t.is(String((error as unknown as EngineError).details.stdout), 'so far\n');
});

test.serial('an aborted run is killed', async (t) => {
  const { engine, image } = t.context;
  const abort = new AbortController();
  const running = engine.run(image, ['sleep', '100'], { signal: abort.signal });
  await sleep(100);
  abort.abort();
  await t.throwsAsync(running, { code: 'ERR_ABORTED' });
  await t.throwsAsync(engine.run(image, ['true'], { signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' });
});

test.serial('too much output is an error of its own', async (t) => {
  const { engine, image } = t.context;
  await t.throwsAsync(engine.run(image, ['yes'], { maxOutput: 100_000 }), { code: 'ERR_OUTPUT_TOO_LARGE' });
});

test.serial('what cannot be started leaves nothing', async (t) => {
  const { engine, image, directory } = t.context;
  await t.throwsAsync(engine.run(image, ['no-such']), { code: 'ERR_EXEC_NOT_FOUND', message: /no-such/ });
  await t.throwsAsync(engine.run(image, ['true'], { user: 'nobody-here' }), { code: 'ERR_USER_NOT_FOUND' });
  await t.throwsAsync(engine.run(image, ['true'], { cwd: '/bin/busybox' }), { code: 'ERR_CWD_INVALID' });
  await t.throwsAsync(engine.run(image), { code: 'ERR_CONTAINER_OPTION_INVALID', message: /command/ });
  await t.throwsAsync(engine.run(`@${directory}/none`, ['true']), { code: 'ERR_IMAGE_NOT_FOUND' });
  await t.throwsAsync(engine.run(image, ['true'], { devices: [{ path: '/dev/none' }] }), {
    code: 'ERR_DEVICE_INVALID',
  });
});

test.serial('many runs at once do not meet', async (t) => {
  const { engine, image } = t.context;
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, n) => engine.run(image, ['echo', `${n}`])),
  );
  t.deepEqual(
    results.map(({ stdout }) => stdout),
    Array.from({ length: 12 }, (_, n) => `${n}\n`),
  );
});

test.serial("docker's confinement is there", async (t) => {
  const { engine, image } = t.context;
  const { stdout } = await engine.run(image, [
    'sh',
    '-c',
    'cat /proc/self/status; ls /sys/class/net; cat /proc/kcore | wc -c 2>/dev/null; echo x > /proc/sysrq-trigger; ls /dev',
  ]);
  t.regex(stdout, /CapEff:\t00000000a80425fb/);
  t.regex(stdout, /CapBnd:\t00000000a80425fb/);
  t.regex(stdout, /CapAmb:\t0000000000000000/);
  t.regex(stdout, /Seccomp:\t2/);
  t.regex(stdout, /^lo$/m);
  t.notRegex(stdout, /^(sda|kmsg|mem)$/m);
});

test.serial('users other than root get no capability', async (t) => {
  const { engine, image } = t.context;
  const { stdout } = await engine.run(image, ['cat', '/proc/self/status'], {
    user: '1000:1000',
    groups: ['7'],
  });
  t.regex(stdout, /CapEff:\t0000000000000000/);
  t.regex(stdout, /Groups:\t(1000 7|7 1000|7) ?\n/);
});

test.serial('limits, read-only root, sysctl, host name and hosts are set', async (t) => {
  const { engine, image } = t.context;
  const script =
    'ulimit -n; touch /x 2>&1; cat /proc/sys/net/ipv4/ip_forward; cat /proc/sys/kernel/hostname; cat /etc/hosts; df /dev/shm 2>/dev/null';
  const { stdout } = await engine.run(image, ['sh', '-c', script], {
    readOnly: true,
    hostname: 'box',
    sysctls: { 'net.ipv4.ip_forward': '1' },
    extraHosts: { db: '10.0.0.1' },
    limits: { ulimits: { nofile: 77, core: { soft: 0, hard: -1 } }, shmSize: '1m' },
  });
  t.regex(stdout, /^77\n/);
  t.regex(stdout, /Read-only file system/);
  t.regex(stdout, /^1\nbox\n/m);
  t.regex(stdout, /10\.0\.0\.1\tdb/);
});

test.serial('an unlimited ulimit is unlimited', async (t) => {
  const { engine, image } = t.context;
  const { stdout } = await engine.run(image, ['sh', '-c', 'ulimit -c'], {
    limits: { ulimits: { core: -1 } },
  });
  t.is(stdout, 'unlimited\n');
});

test.serial(
  "@host is this machine, read-only below, without its run files and the engine's own",
  async (t) => {
    const { engine, directory } = t.context;
    const secret = `${directory}/secret`;
    await writeFile(secret, 'x');
    const { stdout } = await engine.run('@host', [
      'sh',
      '-c',
      'cat /etc/debian_version; ls /run; touch /etc/only-here && echo wrote; ls /home; id -u',
    ]);
    t.true(stdout.startsWith(await readFile('/etc/debian_version', 'utf8')));
    t.regex(stdout, /\nwrote\n/);
    await t.throwsAsync(readFile('/etc/only-here'), { code: 'ENOENT' });
  },
);

test.serial('what is to be hidden is empty', async (t) => {
  const { engine, image } = t.context;
  const { stdout } = await engine.run(
    image,
    ['sh', '-c', '/bin/busybox ls /etc | wc -l; ls -A /bin/ | wc -l'],
    { hide: ['/tmp'] },
  );
  t.truthy(stdout);
  const hidden = await engine.run('@host', ['sh', '-c', 'ls -A /usr/share | wc -l; wc -c < /etc/passwd'], {
    hide: ['/usr/share', '/etc/passwd'],
  });
  t.is(hidden.stdout, '0\n0\n');
});

test.serial('the engine hides its own root from a directory that contains it', async (t) => {
  const { engine, directory } = t.context;
  const base = t.context.image.slice(1);
  const { stdout } = await engine.run(`@${directory}`, [
    `/${base.split('/').pop()}/bin/busybox`,
    'ls',
    '/root',
  ]);
  t.is(stdout, '');
});
