import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'ava';

const program = resolve(import.meta.dirname, '../../build/Release/strake-runtime');
const directory = mkdtempSync(join(tmpdir(), 'strake-oci-'));
const root = join(directory, 'run');
const canRun = process.getuid?.() === 0 && existsSync(program) && existsSync('/bin/busybox');
const linux = canRun ? test.serial : test.serial.skip;

interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A bundle with busybox as its root file system, running `args`. */
function bundle(name: string, args: readonly string[], more: object = {}): string {
  const path = join(directory, name);
  mkdirSync(join(path, 'rootfs/bin'), { recursive: true });
  for (const place of ['proc', 'dev']) mkdirSync(join(path, 'rootfs', place), { recursive: true });
  cpSync('/bin/busybox', join(path, 'rootfs/bin/busybox'));
  for (const applet of ['sh', 'sleep', 'echo']) symlinkSync('busybox', join(path, 'rootfs/bin', applet));
  const config = {
    ociVersion: '1.2.0',
    root: { path: 'rootfs' },
    process: { args, env: ['PATH=/bin'], cwd: '/', user: { uid: 0, gid: 0 } },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['mount', 'pid', 'ipc', 'uts', 'network'].map((type) => ({ type })) },
    ...more,
  };
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  return path;
}

/** The command; 'ignore' for stdio, since what a container inherits is open as long as it lives. */
function runtime(args: readonly string[], stdio: 'pipe' | 'ignore' = 'pipe'): Outcome {
  const ended = spawnSync(program, ['--root', root, ...args], { encoding: 'utf8', timeout: 20_000, stdio });
  return { status: ended.status, out: ended.stdout ?? '', err: ended.stderr ?? '' };
}

function statusOf(id: string): string {
  return (JSON.parse(runtime(['state', id]).out) as { status: string }).status;
}

const unique = (name: string) => `strake-test-${process.pid}-${name}`;

function cleanUp(): void {
  for (const id of runtime(['list', '-q']).out.split('\n').filter(Boolean))
    runtime(['delete', '--force', id]);
  rmSync(directory, { recursive: true, force: true });
}

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
  const state = JSON.parse(runtime(['state', id]).out) as Record<string, unknown>;
  t.like(state, { id, status: 'created', bundle: path, annotations: { a: 'b' }, ociVersion: '1.2.0' });
  t.is(readFileSync(pidFile, 'utf8'), String(state['pid']));
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
  for (let tries = 0; tries < 100 && statusOf(id) !== 'stopped'; tries++)
    await new Promise((r) => setTimeout(r, 20));
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
