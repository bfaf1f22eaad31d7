import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'ava';

/** The command that is judged: another build, or another runtime with runc's command line, by STRAKE_TEST_RUNTIME. */
export const program =
  process.env.STRAKE_TEST_RUNTIME ?? resolve(import.meta.dirname, '../../build/Release/strake-runtime');
/** Removed at the end, with the containers in `root`. */
export const directory = mkdtempSync(join(tmpdir(), 'strake-oci-'));
export const root = join(directory, 'run');
const canRun = process.getuid?.() === 0 && existsSync(program) && existsSync('/bin/busybox');
/** Tests that need root, the built command and a static busybox. */
export const linux = canRun ? test.serial : test.serial.skip;
if (!canRun) console.log('skipped: needs root, busybox-static and build/Release/strake-runtime');

export interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const applets =
  'sh sleep echo cat tty ls stat id grep mount hostname stty mkdir touch readlink uname env kill chmod wc head true false ionice ps'.split(
    ' ',
  );

/** A bundle with busybox as its root file system, running `args`; `more` replaces top-level members. */
export function bundle(name: string, args: readonly string[], more: object = {}): string {
  const path = join(directory, name);
  mkdirSync(join(path, 'rootfs/bin'), { recursive: true });
  for (const place of ['proc', 'dev', 'tmp']) mkdirSync(join(path, 'rootfs', place), { recursive: true });
  cpSync('/bin/busybox', join(path, 'rootfs/bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(path, 'rootfs/bin', applet));
  writeFileSync(join(path, 'config.json'), JSON.stringify({ ...config(args), ...more }));
  return path;
}

/** The `process` of a small config.json with other members. */
export const processWith = (args: readonly string[], more: object = {}) => ({
  ...config(args).process,
  ...more,
});

/** The `linux` of a small config.json with other members. */
export const linuxWith = (more: object = {}) => ({ ...config([]).linux, ...more });

/** The namespaces of a small config.json, without some kinds, and with others. */
export const namespacesWith = (without: readonly string[], more: readonly object[] = []) => [
  ...config([]).linux.namespaces.filter(({ type }) => !without.includes(type)),
  ...more,
];

/** The mounts of a small config.json and more of them. */
export const mountsWith = (...more: readonly object[]) => [...config([]).mounts, ...more];

/** `script` run by a shell in a container of its own; `more` replaces top-level members of its config.json. */
export const shell = (name: string, script: string, more: object = {}): Outcome =>
  runtime(['run', '-b', bundle(name, ['sh', '-c', script], more), unique(name)]);

/** The same with other members of `process`. */
export const shellAs = (name: string, script: string, process: object, more: object = {}): Outcome =>
  shell(name, script, { process: processWith(['sh', '-c', script], process), ...more });

/** What create says of a bundle with these members; it leaves nothing behind. */
export function complaint(name: string, more: object): string {
  const { status, err } = runtime(['create', '-b', bundle(name, ['sleep', '1'], more), unique(name)]);
  return status === 1 ? err : `status ${status}`;
}

/** A container that sleeps, created and started. */
export function started(name: string, more: object = {}): string {
  const id = unique(name);
  runtime(['create', '-b', bundle(name, ['sleep', '60'], more), id], 'ignore');
  runtime(['start', id], 'ignore');
  return id;
}

/** A small config.json. */
export function config(args: readonly string[]) {
  return {
    ociVersion: '1.2.0',
    root: { path: 'rootfs' },
    process: { args, env: ['PATH=/bin'], cwd: '/', user: { uid: 0, gid: 0 } },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['mount', 'pid', 'ipc', 'uts', 'network'].map((type) => ({ type })) },
  };
}

type Stdio = 'pipe' | 'ignore' | number;

/** The command; 'ignore' for stdio, since what a container inherits is open as long as it lives. */
export function runtime(
  args: readonly string[],
  stdio: 'pipe' | 'ignore' | readonly Stdio[] = 'pipe',
  input = '',
): Outcome {
  const ended = spawnSync(program, ['--root', root, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
    stdio: typeof stdio === 'string' ? stdio : [...stdio],
    input,
  });
  return { status: ended.status, out: ended.stdout ?? '', err: ended.stderr ?? '' };
}

export function statusOf(id: string): string {
  return (JSON.parse(runtime(['state', id]).out) as { status: string }).status;
}

/** Waits until `condition` holds; a test fails by its own timeout otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 250 && !condition(); tries++) await new Promise((r) => setTimeout(r, 20));
}

/** An id that no other run of the tests has. */
export const unique = (name: string) => `strake-test-${process.pid}-${name}`;

/** For test.after.always. */
export function cleanUp(): void {
  for (const id of runtime(['list', '-q']).out.split('\n').filter(Boolean))
    runtime(['delete', '--force', id]);
  rmSync(directory, { recursive: true, force: true });
}
