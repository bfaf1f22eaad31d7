import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { openEngine } from '../../lib/engine/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.beforeEach(async (t) => {
  t.context = await openEngineFixture();
});
test.afterEach.always(async (t) => {
  t.deepEqual(await until(t.context.leftovers, (left) => left.length === 0), []);
  await t.context[Symbol.asyncDispose]();
});

/** Monitors, and the inits that wait, which look like them: by their command lines. */
function processesOf({ engine }: EngineFixture): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandLine(pid).includes(engine.runDir));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

async function until<T>(look: () => T | Promise<T>, is: (seen: T) => boolean): Promise<T> {
  for (let n = 0; n < 200 && !is(await look()); n++) await sleep(20);
  return await look();
}

test.serial(
  'a command runs in a container that waits, with its arguments, variables and directory',
  async (t) => {
    const { engine, image } = t.context;
    await using pool = await engine.pool(image, { env: { A: '1', B: '1' } }, { size: 2 });
    await pool.filled();
    t.is(pool.waiting, 2);
    const { stdout, stderr, exitCode } = await pool.run(
      ['sh', '-c', 'echo "$A$B$C $PWD $#"; echo e >&2; exit 3', 'x', ''],
      {
        env: { B: '2', C: '3' },
        cwd: '/tmp',
      },
    );
    t.deepEqual({ stdout, stderr, exitCode }, { stdout: '123 /tmp 1\n', stderr: 'e\n', exitCode: 3 });
    await pool.filled();
    t.is(pool.waiting, 2);
  },
);

test.serial('each container is used once: nothing of one command is seen by the next', async (t) => {
  const { engine, image } = t.context;
  await using pool = await engine.pool(image, {}, { size: 1 });
  for (let n = 0; n < 3; n++)
    t.is((await pool.run(['sh', '-c', 'ls /tmp; echo x >/tmp/mine; echo $$'])).stdout, '1\n');
  const outputs = await Promise.all([1, 2, 3, 4].map((n) => pool.run(['echo', String(n)])));
  t.deepEqual(
    outputs.map(({ stdout }) => stdout),
    ['1\n', '2\n', '3\n', '4\n'],
  );
});

test.serial('input, timeout and output limits are those of run', async (t) => {
  const { engine, image } = t.context;
  await using pool = await engine.pool(image, {}, { size: 2 });
  t.is((await pool.run(['cat'], { input: 'to and fro' })).stdout, 'to and fro');
  t.is((await pool.run(['cat'])).stdout, '');
  await t.throwsAsync(pool.run(['sleep', '100'], { timeout: 50 }), { code: 'ERR_TIMEOUT' });
  await t.throwsAsync(pool.run(['seq', '100000'], { maxOutput: 1000 }), { code: 'ERR_OUTPUT_TOO_LARGE' });
  const large = 'x'.repeat(100_000);
  t.is((await pool.run(['sh', '-c', 'echo $' + '{#BIG}'], { env: { BIG: large } })).stdout, '100000\n');
});

test.serial('what is taken is a container as any other, and goes when it ends', async (t) => {
  const { engine, image } = t.context;
  await using pool = await engine.pool(image, { labels: { of: 'pool' } }, { size: 1 });
  const container = await pool.take(['sh', '-c', 'read line; echo "got $line"; sleep 100']);
  t.like(await container.inspect(), {
    state: { status: 'running', pid: container.pid },
    labels: { of: 'pool' },
  });
  t.is((await container.inspect()).argv[0], 'sh');
  t.is((await container.run(['echo', 'inside'])).stdout, 'inside\n');
  container.attachment?.stdin.end('hello\n');
  const stdout = container.attachment?.stdout as Readable;
  await once(stdout, 'readable');
  await container.kill();
  t.is((await container.attachment?.exited)?.exitCode, 137);
  t.is(await text(stdout), 'got hello\n');
  await until(
    () => existsSync(join(engine.root, 'containers', container.id)),
    (there) => !there,
  );
  t.false(existsSync(join(engine.root, 'containers', container.id)));
});

test.serial('the confinement of a pooled container is that of any other', async (t) => {
  const { engine, image } = t.context;
  const script =
    'cat /proc/self/status | while read key value; do case $key in Cap*|Seccomp:|NoNewPrivs:) echo $key $value;; esac; done; ls /proc/self/fd; id -u; env';
  const options = { user: '65534', hostname: 'same', limits: { pids: 77 } };
  const plain = await engine.run(image, ['sh', '-c', script], options);
  await using pool = await engine.pool(image, options, { size: 1 });
  t.is((await pool.run(['sh', '-c', script])).stdout, plain.stdout);
});

test.serial('a command that cannot be executed is an error as in run, and the pool goes on', async (t) => {
  const { engine, image } = t.context;
  await using pool = await engine.pool(image, {}, { size: 1 });
  await t.throwsAsync(pool.run(['no-such']), { code: 'ERR_EXEC_NOT_FOUND', message: /no-such/ });
  await t.throwsAsync(pool.run(['true'], { cwd: '/bin/true' }), { code: 'ERR_CWD_INVALID' });
  await t.throwsAsync(pool.run([]), { code: 'ERR_INVALID_ARGUMENT' });
  await t.throwsAsync(pool.run(['echo', 'a\0b']), { message: /NUL/ });
  await t.throwsAsync(pool.run(['echo', 'x'.repeat(2 ** 20)]), { code: 'ERR_INVALID_ARGUMENT' });
  t.is((await pool.run(['echo', 'on'])).stdout, 'on\n');
});

test.serial('disposal leaves nothing: no files, no processes', async (t) => {
  const { engine, image } = t.context;
  const pool = await engine.pool(image, {}, { size: 3 });
  await pool.filled();
  t.is((await engine.containers.list({ all: true })).length, 3);
  t.is(processesOf(t.context).length, 6);
  await pool[Symbol.asyncDispose]();
  t.deepEqual(await t.context.leftovers(), []);
  t.deepEqual(processesOf(t.context), []);
  await t.throwsAsync(pool.run(['true']), { code: 'ERR_ABORTED' });
  await (await engine.pool(image, {}, { size: 3 }))[Symbol.asyncDispose](); // while they are made
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('nobody else starts or removes a container that waits', async (t) => {
  const { engine, image } = t.context;
  await using pool = await engine.pool(image, {}, { size: 1 });
  await pool.filled();
  const [waiting] = await engine.containers.list({ all: true });
  const other = await openEngine({ root: engine.root });
  for (const verb of ['start', 'remove'] as const)
    await t.throwsAsync(other.containers[verb](waiting?.id ?? ''), {
      code: 'ERR_CONTAINER_STATE',
      message: /keeps it ready/,
    });
  t.is((await pool.run(['echo', 'still'])).stdout, 'still\n');
});

test.serial('one that dies while it waits is passed over and leaves nothing', async (t) => {
  const { engine, image } = t.context;
  await using pool = await engine.pool(image, {}, { size: 2 });
  await pool.filled();
  for (const pid of processesOf(t.context)) process.kill(pid, 'SIGKILL');
  await until(
    () => pool.waiting,
    (waiting) => waiting === 0,
  );
  t.is((await pool.run(['echo', 'on'])).stdout, 'on\n');
});

test.serial('a program that is killed leaves nothing of its pool', async (t) => {
  const { image } = t.context;
  const child = await holdPool(t.context, image);
  t.is(processesOf(t.context).length, 6);
  child.kill('SIGKILL');
  t.deepEqual(await until(t.context.leftovers, (left) => left.length === 0), []);
  t.deepEqual(
    await until(
      () => processesOf(t.context),
      (left) => left.length === 0,
    ),
    [],
  );
});

test.serial('what a killed program and its killed monitors leave is healed when it is met', async (t) => {
  const { engine, image } = t.context;
  const child = await holdPool(t.context, image);
  const processes = processesOf(t.context);
  child.kill('SIGSTOP'); // so that it does not clean up
  for (const pid of processes) process.kill(pid, 'SIGKILL');
  child.kill('SIGKILL');
  await until(
    () => processesOf(t.context),
    (left) => left.length === 0,
  );
  t.true((await t.context.leftovers()).length > 0);
  await until(
    () => engine.containers.list({ all: true }),
    (left) => left.length === 0,
  );
});

/** A program of its own, whose pool is full. */
async function holdPool({ engine }: EngineFixture, image: string) {
  const program = `
    import { openEngine } from '${join(import.meta.dirname, '../../lib/engine/index.ts')}';
    const engine = await openEngine({ root: '${engine.root}' });
    const pool = await engine.pool('${image}', {}, { size: 3 });
    await pool.filled();
    console.log('filled');
    setInterval(() => {}, 1000);`;
  const child = execFile(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child;
}

test('a pool of no size, or of a name, is refused', async (t) => {
  const { engine, image } = t.context;
  for (const size of [0, 1.5, 5000])
    await t.throwsAsync(engine.pool(image, {}, { size }), { code: 'ERR_CONTAINER_OPTION_INVALID' });
  await t.throwsAsync(engine.pool(image, { name: 'one' }, { size: 1 }), { code: 'ERR_INVALID_ARGUMENT' });
  await t.throwsAsync(engine.pool('@/no/such', {}, { size: 1 }));
});
