import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import anyTest, { type TestFn } from 'ava';
import { openStrake, program, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;

test.beforeEach(async (t) => {
  t.context = await openStrake();
});
test.afterEach.always((t) => t.context[Symbol.asyncDispose]());

test.serial(
  'a container goes through its life: create, start, pause, unpause, exec, stop, start, rm',
  async (t) => {
    const { image, run } = t.context;
    const status = async () => (await run(['ps', '-a', '--format', '{{.State}}'])).stdout.trim();
    const ok = async (...argv: string[]) => {
      const output = await run(argv);
      t.is(output.code, 0, output.stderr);
      return output.stdout;
    };
    await ok('create', '--name', 'life', image, 'sh', '-c', 'echo line; exec sleep 100');
    t.is(await status(), 'created');
    t.is(await ok('start', 'life'), 'life\n');
    t.is(await status(), 'running');
    await ok('pause', 'life');
    t.is(await status(), 'paused');
    t.regex((await run(['exec', 'life', 'true'])).stderr, /paused/);
    await ok('unpause', 'life');
    t.is(await ok('exec', '-e', 'A=b', '-w', '/tmp', 'life', 'sh', '-c', 'echo $A; pwd'), 'b\n/tmp\n');
    t.is((await run(['exec', 'life', 'sh', '-c', 'exit 3'])).code, 3);
    t.is((await run(['exec', 'life', 'no-such'])).code, 127);
    t.regex((await run(['rm', 'life'])).stderr, /running; stop it first/);
    await ok('kill', '-s', 'KILL', 'life');
    t.is(await ok('wait', 'life'), '137\n');
    t.is(await status(), 'exited');
    await ok('start', 'life');
    await ok('stop', '-t', '0', 'life');
    t.is(await ok('logs', 'life'), 'line\nline\n');
    t.is(await ok('logs', '-n', '1', 'life'), 'line\n');
    await ok('rm', 'life');
    t.deepEqual(await t.context.leftovers(), []);
  },
);

test.serial('a name is had by one container at a time, whoever asks first', async (t) => {
  const { image, run } = t.context;
  const both = await Promise.all([1, 2, 3].map(() => run(['create', '--name', 'same', image, 'true'])));
  t.deepEqual(both.map(({ code }) => code).sort(), [0, 1, 1]);
  t.regex(both.map(({ stderr }) => stderr).join(''), /the name same is in use by container [0-9a-f]{12}/);
  t.is((await run(['rm', 'same'])).code, 0);
  t.is((await run(['create', '--name', 'same', image, 'true'])).code, 0);
});

test.serial('a name whose container removed itself is free again', async (t) => {
  const { image, run } = t.context;
  t.is((await run(['run', '--rm', '--name', 'again', image, 'true'])).code, 0);
  t.is((await run(['run', '--rm', '--name', 'again', image, 'true'])).code, 0);
});

test.serial('a container is found by name, id and the beginning of its id', async (t) => {
  const { image, run } = t.context;
  const id = (await run(['create', image, 'true'])).stdout.trim();
  const name = (await run(['ps', '-a', '--format', '{{.Names}}'])).stdout.trim();
  for (const word of [id, id.slice(0, 12), id.slice(0, 4), name]) {
    t.is((await run(['inspect', '-f', '{{.id}}', word])).stdout.trim(), id, word);
  }
  const missing = await run(['inspect', 'no-such']);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /neither a container nor an image no-such/);
});

test.serial('a failed start leaves the container as it was', async (t) => {
  const { image, run } = t.context;
  await run(['create', '--name', 'broken', image, 'no-such-program']);
  const output = await run(['start', 'broken']);
  t.is(output.code, 1);
  t.regex(output.stderr, /no-such-program/);
  t.is((await run(['ps', '-a', '--format', '{{.State}}'])).stdout, 'created\n');
  t.is((await run(['rm', 'broken'])).code, 0);
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('to start what runs is no error, even at once; what is paused is told apart', async (t) => {
  const { image, run } = t.context;
  await run(['create', '--name', 'twice', image, 'sleep', '100']);
  const both = await Promise.all([run(['start', 'twice']), run(['start', 'twice'])]);
  t.deepEqual(
    both.map(({ code, stdout, stderr }) => ({ code, stdout, stderr })),
    both.map(() => ({ code: 0, stdout: 'twice\n', stderr: '' })),
  );
  t.is((await run(['ps', '-q'])).stdout.split('\n').length, 2);
  await run(['pause', 'twice']);
  const paused = await run(['start', 'twice']);
  t.is(paused.code, 1);
  t.regex(paused.stderr, /cannot start container twice: it is paused; unpause it instead/);
});

test.serial('start -a of what runs attaches to it, and has its exit code', async (t) => {
  const { image, run } = t.context;
  await run(['run', '-d', '-i', '--name', 'reader', image, 'sh', '-c', 'read line; echo got $line; exit 5']);
  const output = await run(['start', '-a', '-i', 'reader'], { input: 'word\n' });
  t.is(output.code, 5);
  t.is(output.stdout, 'got word\n');
});

test.serial("ps lists in docker's columns, filters and formats", async (t) => {
  const { image, run } = t.context;
  await run(['run', '-d', '--name', 'up', '--label', 'tier=web', image, 'sleep', '100']);
  await run(['run', '--name', 'down', image, 'sh', '-c', 'exit 3']);
  t.regex(
    (await run(['ps'])).stdout,
    /^CONTAINER ID {3}IMAGE .*NAMES\n[0-9a-f]{12} .*"sleep 100" .*Up .* up\n$/s,
  );
  t.regex((await run(['ps', '-a'])).stdout, /Exited \(3\) .* ago +down\n/);
  t.is((await run(['ps', '-a', '-f', 'status=exited', '--format', '{{.Names}}'])).stdout, 'down\n');
  t.is((await run(['ps', '-a', '-f', 'label=tier=web', '--format', '{{.Names}}'])).stdout, 'up\n');
  t.regex((await run(['ps', '-q', '--no-trunc'])).stdout, /^[0-9a-f]{64}\n$/);
  t.like(JSON.parse((await run(['ps', '--format', 'json'])).stdout), { Names: 'up', State: 'running' });
  t.is((await run(['ps', '--format', '{{call .}}'])).code, 1);
});

test.serial('logs -f ends with the container, and shows both streams where they belong', async (t) => {
  const { image, run } = t.context;
  await run([
    'run',
    '-d',
    '--name',
    'talk',
    image,
    'sh',
    '-c',
    'echo a; sleep 0.3; echo b >&2; sleep 0.3; echo c',
  ]);
  const followed = await run(['logs', '-f', 'talk']);
  t.is(followed.stdout, 'a\nc\n');
  t.is(followed.stderr, 'b\n');
  t.regex((await run(['logs', '-t', 'talk'])).stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z a\n/);
});

test.serial('a reader of the log that goes away ends it as SIGPIPE ends a program, silently', async (t) => {
  const { image, run, spawn } = t.context;
  await run([
    'run',
    '--name',
    'long',
    image,
    'sh',
    '-c',
    'i=0; while [ $i -lt 9999 ]; do i=$((i+1)); echo $i; done',
  ]);
  const child = spawn(['logs', 'long']);
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdout?.once('data', () => child.stdout?.destroy());
  t.is(await new Promise((resolve) => child.on('close', resolve)), 141);
  t.is(errors, '');
});

test.serial('output that cannot be written is an error of one line', async (t) => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [program, 'ps'], {
      env: { ...process.env, STRAKE_ROOT: t.context.root },
      stdio: ['ignore', full, 'pipe'],
    });
    t.is(status, 1);
    t.regex(stderr.toString(), /^strake: the output cannot be written: ENOSPC.*\n$/);
  } finally {
    closeSync(full);
  }
});

test.serial('what a command line holds does not reach the terminal as it is', async (t) => {
  const { image, run } = t.context;
  await run(['create', '--name', 'tricky', image, 'echo', '\x1b[31m\nred']);
  t.regex((await run(['ps', '-a'])).stdout, /"echo \\u001b\[31m\\nred"/);
});

test.serial('a word that is no command is an error that names it', async (t) => {
  for (const word of ['foo', 'constructor']) {
    const { code, stderr } = await t.context.run([word, 'run']);
    t.is(code, 1);
    t.regex(stderr, new RegExp(`unknown command "${word}"`));
  }
});

test.serial('rm -f of what is not there is no error; rm without -f is', async (t) => {
  t.is((await t.context.run(['rm', '-f', 'none'])).code, 0);
  t.is((await t.context.run(['rm', 'none'])).code, 1);
});

test.serial('version and info say what is there', async (t) => {
  t.regex((await t.context.run(['version'])).stdout, /^strake \d+\.\d+\.\d+, node /);
  t.regex((await t.context.run(['info'])).stdout, /overlay +yes/);
  t.is((await t.context.run(['no-such-command'])).code, 1);
  t.is((await t.context.run([])).code, 1);
  t.is((await t.context.run(['--help'])).code, 0);
});
