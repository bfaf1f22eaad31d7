import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bundle, cleanUp, directory, linux, runtime, statusOf, unique, until } from './bundle.ts';

test.after.always(cleanUp);

linux('run gives the exit status and leaves nothing', (t) => {
  const { status, out } = runtime([
    'run',
    '-b',
    bundle('exit', ['sh', '-c', 'echo hi; exit 7']),
    unique('exit'),
  ]);
  t.is(status, 7);
  t.is(out, 'hi\n');
  t.is(runtime(['list', '-q']).out, '');
});

linux('a container goes from created to running, paused, running and stopped, and is then deleted', (t) => {
  const id = unique('life');
  const pidFile = join(directory, 'pid');
  const path = bundle('life', ['sleep', '60'], { annotations: { a: 'b' } });
  t.is(runtime(['create', '--bundle', path, '--pid-file', pidFile, id], 'ignore').status, 0);
  const state = JSON.parse(runtime(['state', id]).out) as { pid: number };
  t.like(state, { id, status: 'created', bundle: path, annotations: { a: 'b' }, ociVersion: '1.2.0' });
  t.is(readFileSync(pidFile, 'utf8'), String(state.pid));
  t.is(runtime(['start', id]).status, 0);
  t.is(statusOf(id), 'running');
  t.is(runtime(['exec', id, 'sh', '-c', 'exit 3']).status, 3);
  t.is(runtime(['pause', id]).status, 0);
  t.is(statusOf(id), 'paused');
  t.is(runtime(['resume', id]).status, 0);
  t.is(runtime(['delete', id]).status, 1);
  t.is(runtime(['delete', '--force', id]).status, 0);
  t.regex(runtime(['state', id]).err, /does not exist/);
});

linux('create refuses an id in use, start a running container, kill a stopped one', async (t) => {
  const id = unique('wrong');
  const path = bundle('wrong', ['sleep', '60']);
  runtime(['create', '-b', path, id], 'ignore');
  t.regex(runtime(['create', '-b', path, id]).err, /already exists/);
  t.is(runtime(['start', id]).status, 0);
  t.regex(runtime(['start', id]).err, /already running/);
  t.is(runtime(['kill', id, 'KILL']).status, 0);
  await until(() => statusOf(id) === 'stopped');
  t.regex(runtime(['kill', id, 'KILL']).err, /container not running/);
  t.is(runtime(['delete', id]).status, 0);
});

linux('a program that cannot be executed fails the create, in the log as JSON', (t) => {
  const log = join(directory, 'log.json');
  const path = bundle('absent', ['absent']);
  t.is(runtime(['--log', log, '--log-format', 'json', 'create', '-b', path, unique('absent')]).status, 1);
  const line = JSON.parse(readFileSync(log, 'utf8')) as { level: string; msg: string };
  t.is(line.level, 'error');
  t.regex(line.msg, /"absent": executable file not found/);
  t.is(runtime(['list', '-q']).out, '');
});

linux('systemd cgroups, a bundle without config.json and an id with a slash are refused', (t) => {
  t.regex(runtime(['--systemd-cgroup', 'list']).err, /cgroupfs/);
  t.regex(runtime(['create', '-b', directory, unique('none')]).err, /config\.json/);
  t.regex(runtime(['state', '../x']).err, /invalid container id/);
});
