import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake & { ok(...argv: string[]): Promise<string> }>;

test.beforeEach(async (t) => {
  const strake = await openStrake();
  const ok = async (...argv: string[]) => {
    const output = await strake.run(argv);
    t.is(output.code, 0, output.stderr);
    return output.stdout;
  };
  t.context = { ...strake, ok };
});
test.afterEach.always((t) => t.context[Symbol.asyncDispose]());

test.serial('restart stops a container and starts it again, or just starts it', async (t) => {
  const { image, run, ok } = t.context;
  await ok('create', '--name', 'again', image, 'sh', '-c', 'echo up; exec sleep 100');
  t.is(await ok('restart', 'again'), 'again\n');
  const started = await ok('inspect', '-f', '{{.State.StartedAt}}', 'again');
  t.is(await ok('restart', '-t', '0', 'again'), 'again\n');
  t.not(await ok('inspect', '-f', '{{.State.StartedAt}}', 'again'), started);
  t.is(await ok('logs', 'again'), 'up\nup\n');
  await ok('run', '-d', '--rm', '--name', 'once', image, 'sleep', '100');
  t.regex((await run(['restart', 'once'])).stderr, /removed when it stops; create it without/);
  t.regex(await ok('ps'), /once/);
});

test.serial('rename gives the old name free and takes no other', async (t) => {
  const { image, run, ok } = t.context;
  await ok('run', '-d', '--name', 'old', image, 'sleep', '100');
  await ok('create', '--name', 'taken', image, 'true');
  t.regex((await run(['rename', 'old', 'taken'])).stderr, /the name taken is in use/);
  t.regex((await run(['rename', 'old', '-x'])).stderr, /unknown option|invalid container name/);
  await ok('rename', 'old', 'new');
  t.is(await ok('exec', 'new', 'echo', 'hi'), 'hi\n');
  t.regex((await run(['inspect', 'old'])).stderr, /there is neither a container nor an image old/);
  await ok('create', '--name', 'old', image, 'true');
  await ok('rm', '-f', 'new', 'old', 'taken');
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('a generated name can be changed too, and is then reserved', async (t) => {
  const { image, run, ok } = t.context;
  const id = (await ok('create', image, 'true')).trim();
  await ok('rename', id, 'given');
  t.regex((await run(['create', '--name', 'given', image, 'true'])).stderr, /in use/);
  await ok('rm', 'given');
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('update changes the limits of a running container, and of its next start', async (t) => {
  const { image, run, ok } = t.context;
  await ok('run', '-d', '--name', 'limited', '-m', '64m', '--pids-limit', '50', image, 'sleep', '100');
  const limit = async () =>
    Number(
      JSON.parse(await ok('stats', '--no-stream', '--format', 'json', 'limited')).MemUsage.match(
        /\/ (\d+)MiB/,
      )?.[1],
    );
  t.is(await limit(), 64);
  await ok('update', '-m', '32m', '--memory-swap', '64m', '--cpus', '0.5', 'limited');
  t.is(await limit(), 32);
  const limits = JSON.parse(await ok('inspect', '-f', '{{json .HostConfig}}', 'limited'));
  t.like(limits, { Memory: 32 * 2 ** 20, NanoCpus: 500_000_000, PidsLimit: 50 });
  await ok('restart', '-t', '0', 'limited');
  t.is(await limit(), 32);
  t.regex((await run(['update', 'limited'])).stderr, /say what to change/);
  t.regex((await run(['update', '-m', '1g', 'limited'])).stderr, /not less than limits.memory/);
  t.is(JSON.parse(await ok('inspect', '-f', '{{json .HostConfig}}', 'limited')).Memory, 32 * 2 ** 20);
});

test.serial('top shows the processes of the container only, by whatever ps is asked', async (t) => {
  const { image, run, ok } = t.context;
  await ok('run', '-d', '--name', 'busy', image, 'sh', '-c', 'sleep 200 & exec sleep 100');
  const lines = (await ok('top', 'busy')).trim().split('\n');
  t.regex(lines[0] ?? '', /^UID +PID .*CMD$/);
  t.deepEqual(
    lines
      .slice(1)
      .map((line) => line.replace(/.* (sleep \d+)$/, '$1'))
      .sort(),
    ['sleep 100', 'sleep 200'],
  );
  const { titles, rows } = JSON.parse(await ok('top', '--format', 'json', 'busy', '-o', 'pid,args'));
  t.deepEqual(titles, ['PID', 'COMMAND']);
  t.is(rows.length, 2);
  t.regex((await run(['top', 'busy', '-o', 'args'])).stderr, /no column PID/);
  t.regex((await run(['top', 'busy', '--no-such'])).stderr, /ps --no-such cannot be used/);
  await ok('kill', 'busy');
  await ok('wait', 'busy');
  t.regex((await run(['top', 'busy'])).stderr, /exited; it has no processes/);
});

test.serial('stats shows what runs, and with names what is asked for', async (t) => {
  const { image, run, ok } = t.context;
  await ok('create', '--name', 'idle', image, 'true');
  await ok('run', '-d', '--name', 'spin', image, 'sh', '-c', 'while :; do :; done');
  await ok('run', '-d', '--name', 'calm', image, 'sleep', '100');
  const rows = (await ok('stats', '--no-stream', '--format', 'json'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(rows.map(({ Name }) => Name).sort(), ['calm', 'spin']);
  const shown = (name: string) => rows.find(({ Name }) => Name === name);
  const percent = (name: string) => Number.parseFloat(shown(name).CPUPerc);
  // One thread has a CPU at most, and of a machine that is busy a few hundredths.
  t.true(percent('spin') > 2 && percent('spin') < 110, shown('spin').CPUPerc);
  t.true(percent('calm') < 1, shown('calm').CPUPerc);
  t.is(shown('spin').PIDs, '1');
  t.regex(await ok('stats', '--no-stream', 'idle'), /idle +0\.00% +0B \/ 0B/);
  t.regex((await run(['stats', '--no-stream', 'no-such'])).stderr, /there is no container/);
});

test.serial('restart policies, health and what starts after a reboot, at the command line', async (t) => {
  const { image, root, run, ok } = t.context;
  const flags = ['--restart', 'on-failure:3', '--health-cmd', 'true', '--health-interval', '100ms'];
  await ok('run', '-d', '--name', 'kept', ...flags, image, 'sleep', '100');
  while (!/\(healthy\)/.test(await ok('ps')));
  const [document] = JSON.parse(await ok('inspect', 'kept'));
  t.like(document.HostConfig.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 });
  t.like(document.State.Health, { Status: 'healthy', FailingStreak: 0 });
  await ok('update', '--restart', 'always', 'kept');
  await ok('stop', '-t', '0', 'kept');
  t.is(await ok('system', 'start-restartable'), 'kept\n');
  const told = await ok('system', 'install-unit', '--directory', root);
  t.regex(told, /systemctl enable strake-restart.service/);
  const unit = readFileSync(join(root, 'strake-restart.service'), 'utf8');
  t.regex(unit, /^ExecStart="\/.*node" "\/.*strake" "--root" ".*" "system" "start-restartable"$/m);
  t.regex((await run(['run', '--restart', 'often', image, 'true'])).stderr, /use no, always, unless-stopped/);
  t.regex((await run(['run', '--rm', '--restart', 'always', image, 'true'])).stderr, /autoRemove/);
});
