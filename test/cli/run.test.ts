import { spawnSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { openStrake, program, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;

test.before(async (t) => {
  t.context = await openStrake();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

const exits: [title: string, argv: string[], code: number][] = [
  ["the command's own", ['sh', '-c', 'exit 7'], 7],
  ['a signal that ended it: 128+n', ['sh', '-c', 'sleep 9 & kill -9 $!; wait $!'], 137],
  ['a command that is not there', ['no-such-program'], 127],
  ['a path that is not there', ['/no/such/program'], 127],
  ['a command that may not be executed', ['/etc'], 126],
];

for (const [title, argv, code] of exits) {
  test.serial(`exit code of run: ${title}`, async (t) => {
    const output = await t.context.run(['run', '--rm', t.context.image, ...argv]);
    t.is(output.code, code, output.stderr);
    t.deepEqual(await t.context.leftovers(), []);
  });
}

const faults: [title: string, argv: string[], message: RegExp][] = [
  ['an unknown flag', ['--no-such-flag'], /unknown option/],
  ['an unknown network', ['--network', 'nobodys'], /there is no network nobodys/],
  ['published ports without a network', ['--network', 'none', '-p', '80:80'], /on a network/],
  ['a bad size', ['-m', 'lots'], /limits\.memory/],
  ['a bad variable', ['-e', '=x'], /--env/],
  ['a bind of nothing', ['--mount', 'type=bind,src=/no/such,dst=/x'], /\/no\/such/],
  ['a terminal where there is none', ['-it'], /the input device is not a TTY/],
];

for (const [title, flags, message] of faults) {
  test.serial(`exit code 125, one line and nothing left: ${title}`, async (t) => {
    const output = await t.context.run(['run', '--rm', ...flags, t.context.image, 'true']);
    t.is(output.code, 125);
    t.regex(output.stderr, message);
    t.regex(output.stderr, /^strake: [^\n]*\n$/);
    t.deepEqual(await t.context.leftovers(), []);
  });
}

test.serial('a limit that may not be raised is warned of on stderr, and the command runs', (t) => {
  const raised = ['--ulimit', 'nofile=999999:999999', t.context.image, 'echo', 'ran'];
  const argv = ['--bounding-set=-sys_resource', process.execPath, program, 'run', '--rm', ...raised];
  const env = { ...process.env, STRAKE_ROOT: t.context.root };
  const { stdout, stderr, status } = spawnSync('setpriv', argv, { env, encoding: 'utf8', timeout: 30_000 });
  t.deepEqual([stdout, status], ['ran\n', 0]);
  t.regex(stderr, /^strake: warning: RLIMIT_NOFILE is \d+ instead of 999999: .*CAP_SYS_RESOURCE\n$/);
});

test.serial('an image that is no directory is an error that names it', async (t) => {
  const output = await t.context.run(['run', '@/no/such/root', 'true']);
  t.is(output.code, 125);
  t.regex(output.stderr, /no directory \/no\/such\/root/);
});

test.serial('an --env-file that is not there is an error of ours, not of Node', (t) => {
  const { status, stderr } = spawnSync(
    program,
    ['run', '--rm', '--env-file', '/no/such/file', t.context.image, 'true'],
    {
      env: { ...process.env, STRAKE_ROOT: t.context.root },
    },
  );
  t.is(status, 125);
  t.regex(stderr.toString(), /^strake: invalid --env-file "\/no\/such\/file": it cannot be read.*\n$/);
});

test.serial('stdin reaches the command with -i only', async (t) => {
  const { image } = t.context;
  t.is((await t.context.run(['run', '--rm', '-i', image, 'cat'], { input: 'hello' })).stdout, 'hello');
  t.is((await t.context.run(['run', '--rm', image, 'cat'], { input: 'hello' })).stdout, '');
});

test.serial('a megabyte goes through both ways without a loss', async (t) => {
  const input = 'x'.repeat(1 << 20);
  const output = await t.context.run(
    ['run', '--rm', '-i', t.context.image, 'sh', '-c', 'cat; echo err >&2'],
    { input },
  );
  t.is(output.stdout.length, input.length);
  t.is(output.stderr, 'err\n');
});

test.serial("flags end at the image: the command's own are not touched", async (t) => {
  const output = await t.context.run(['run', '--rm', t.context.image, 'echo', '--rm', '-n', '--help']);
  t.is(output.stdout, '--rm -n --help\n');
});

test.serial('environment, user, directory, host name and entrypoint are as asked', async (t) => {
  const script = 'echo $A-$B-$C; id -u; id -g; pwd; cat /etc/hostname; echo $HOSTNAME; echo $0';
  const file = `${t.context.root}.env`;
  await writeFile(file, '# comment\nB=from file\n\nC\n');
  t.teardown(() => rm(file));
  const flags = [
    '-e',
    'A=1',
    '--env-file',
    file,
    '-u',
    '12:34',
    '-w',
    '/tmp',
    '-h',
    'box',
    '--entrypoint',
    'sh',
  ];
  const output = await t.context.run(['run', '--rm', ...flags, t.context.image, '-c', script, 'zero'], {
    env: { C: 'inherited' },
  });
  t.deepEqual(
    output.stdout.split('\n'),
    ['1-from file-inherited', '12', '34', '/tmp', 'box', 'box', 'zero', ''],
    output.stderr,
  );
});

test.serial('volumes, binds and tmpfs are mounted, and --rm removes anonymous volumes only', async (t) => {
  const { image, run } = t.context;
  const file = `${t.context.root}.bound`;
  await writeFile(file, 'bound');
  t.teardown(() => rm(file));
  const mounts = [
    '-v',
    'data:/data',
    '-v',
    '/anonymous',
    '-v',
    `${file}:/bound:ro`,
    '--tmpfs',
    '/fast:size=1m',
  ];
  const script =
    'cat /bound; echo kept > /data/x; echo gone > /anonymous/x; touch /fast/x; touch /bound 2>/dev/null || echo ro';
  const first = await run(['run', '--rm', ...mounts, image, 'sh', '-c', script]);
  t.is(first.stdout, 'boundro\n', first.stderr);
  t.is((await run(['run', '--rm', '-v', 'data:/d', image, 'cat', '/d/x'])).stdout, 'kept\n');
  t.deepEqual(await t.context.leftovers(), ['volumes/data']);
  await rm(`${t.context.root}/volumes`, { recursive: true });
});

test.serial("what is written is above the directory, and the engine's own files are hidden", async (t) => {
  const output = await t.context.run(['run', '--rm', '@/dev/shm', 'no-such']);
  t.is(output.code, 127);
  await t.context.run(['run', '--rm', t.context.image, 'touch', '/bin/new']);
  t.regex((await t.context.run(['run', '--rm', t.context.image, 'ls', '/bin/new'])).stderr, /No such file/);
});

test.serial('--cidfile has the id, and must not exist', async (t) => {
  const file = `${t.context.root}.cid`;
  t.teardown(() => rm(file));
  const first = await t.context.run(['run', '-d', '--cidfile', file, t.context.image, 'true']);
  t.is(await readFile(file, 'utf8'), first.stdout.trim());
  t.is((await t.context.run(['run', '--cidfile', file, t.context.image, 'true'])).code, 125);
  await t.context.run(['rm', '-f', first.stdout.trim()]);
});

test.serial("signals are passed on, and the exit code is the command's", async (t) => {
  const child = t.context.spawn([
    'run',
    '--rm',
    t.context.image,
    'sh',
    '-c',
    'trap "echo got; exit 5" TERM; echo up; while :; do sleep 0.05; done',
  ]);
  let output = '';
  child.stdout?.on('data', (chunk) => {
    if (output === '') child.kill('SIGTERM');
    output += chunk;
  });
  const code = await new Promise((resolve) => child.on('exit', resolve));
  t.is(code, 5);
  t.is(output, 'up\ngot\n');
});

test.serial('a reader that goes away does not break the command', async (t) => {
  const child = t.context.spawn([
    'run',
    '--rm',
    t.context.image,
    'sh',
    '-c',
    'while echo y; do :; done & sleep 1; kill $!',
  ]);
  child.stdout?.once('data', () => child.stdout?.destroy());
  t.is(await new Promise((resolve) => child.on('exit', resolve)), 0);
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('kill -9 of the program leaves a container that others manage', async (t) => {
  const { image, run } = t.context;
  const child = t.context.spawn(['run', '--name', 'orphan', image, 'sh', '-c', 'echo up; sleep 100']);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  t.is((await run(['inspect', '-f', '{{.State.Status}}', 'orphan'])).stdout, 'running\n');
  t.is((await run(['exec', 'orphan', 'echo', 'in'])).stdout, 'in\n');
  t.is((await run(['logs', 'orphan'])).stdout, 'up\n');
  t.is((await run(['stop', '-t', '0', 'orphan'])).code, 0);
  t.is((await run(['wait', 'orphan'])).stdout, '137\n');
  t.is((await run(['rm', 'orphan'])).code, 0);
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('a killed monitor is healed to an exited container', async (t) => {
  const { image, run } = t.context;
  const id = (await run(['run', '-d', '--name', 'lost', image, 'sleep', '100'])).stdout.trim();
  const state = JSON.parse(await readFile(`${t.context.root}/run/containers/${id}/state.json`, 'utf8'));
  process.kill(state.monitorPid, 'SIGKILL');
  await sleep(100);
  const { stdout } = await run(['inspect', 'lost']);
  t.like(JSON.parse(stdout)[0].State, { Status: 'exited', ExitCode: 137 });
  // Gone, or a zombie where nobody reaps what the monitor leaves to process 1.
  t.regex(await readFile(`/proc/${state.pid}/stat`, 'utf8').catch(() => ') Z'), /\) [ZX]/);
  t.is((await run(['start', 'lost'])).code, 0);
  t.is((await run(['rm', '-f', 'lost'])).code, 0);
  t.deepEqual(await t.context.leftovers(), []);
});
