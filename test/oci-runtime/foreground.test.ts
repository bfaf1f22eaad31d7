/** `run` that stays: what others may do to its container meanwhile, and the terminal that it relays. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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
  statusOf,
  unique,
  until,
} from './bundle.ts';

test.after.always(cleanUp);

const exited = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve));

/** A `run` of `sleep 60` in the foreground, once its container runs. */
async function staying(
  name: string,
  more: object = {},
): Promise<{ id: string; end: Promise<number | null> }> {
  const id = unique(name);
  const child = spawn(
    program,
    ['--root', root, 'run', '-b', bundle(name, ['sleep', '60'], { ...more }), id],
    { stdio: 'ignore' },
  );
  const end = exited(child);
  await until(() => runtime(['state', id]).out.includes('"running"'));
  return { id, end };
}

linux('the container of a run in the foreground can be paused, resumed, updated and deleted', async (t) => {
  const { id, end } = await staying('foreground');
  t.is(runtime(['pause', id]).status, 0);
  t.is(statusOf(id), 'paused');
  t.is(runtime(['resume', id]).status, 0);
  t.is(runtime(['update', '--pids-limit', '20', id]).status, 0);
  t.is(runtime(['delete', '--force', id]).status, 0);
  t.is(await end, 137);
  t.false(existsSync(join(root, id)));
});

linux('a run that ends leaves alone another container that got its id meanwhile', async (t) => {
  const poststop = [{ path: '/bin/sleep', args: ['sleep', '1'] }];
  const { id, end } = await staying('again', { hooks: { poststop } });
  runtime(['delete', '--force', id], 'ignore');
  runtime(['run', '-d', '-b', bundle('again-2', ['sleep', '60']), id], 'ignore');
  t.is(await end, 137);
  t.is(statusOf(id), 'running');
});

linux('poststop hooks of a run have no signal blocked', (t) => {
  const told = join(directory, 'signals-told');
  const poststop = [{ path: '/bin/cp', args: ['cp', '/proc/self/status', told] }];
  runtime(['run', '-b', bundle('signals', ['true'], { hooks: { poststop } }), unique('signals')]);
  t.regex(readFileSync(told, 'utf8'), /^SigBlk:\t0{16}$/m);
});

const onTerminal = (name: string, script: string) =>
  bundle(name, [], {
    process: processWith(['sh', '-c', script], { terminal: true }),
    mounts: mountsWith(
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666'],
      },
    ),
  });

linux('a program on a terminal that prints before it reads gets its input all the same', (t) => {
  // The input comes when the terminal is raw: lines of a cooked one hold 4096 bytes.
  const late = '(sleep 1; head -c 150000 /dev/zero) | "$@"';
  const script = 'stty raw -echo; sleep 2; head -c 200000 /dev/zero; head -c 100000 | wc -c';
  const command = [program, '--root', root, 'run', '-b', onTerminal('prints', script), unique('prints')];
  const ended = spawnSync('sh', ['-c', late, 'sh', 'timeout', '-s', 'KILL', '15', ...command], {
    encoding: 'latin1',
  });
  t.is(ended.status, 0);
  t.regex(ended.stdout, /[^0-9]100000\s*$/);
});

linux('a program whose terminal output nobody takes ends as it would, and its container is removed', (t) => {
  const id = unique('untaken');
  const path = onTerminal('untaken', 'head -c 200000 /dev/zero; exit 7');
  const script = '("$@"; echo $? >&3) 3>&2 2>/dev/null | true';
  const command = [program, '--root', root, 'run', '-b', path, id];
  const ended = spawnSync('sh', ['-c', script, 'sh', ...command], { encoding: 'utf8', timeout: 15_000 });
  t.is(ended.stderr, '7\n');
  t.false(existsSync(join(root, id)));
});
