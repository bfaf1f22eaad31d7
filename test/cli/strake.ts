import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/strake', import.meta.url));
const applets = [
  'sh',
  'cat',
  'echo',
  'env',
  'false',
  'id',
  'kill',
  'ls',
  'pwd',
  'sleep',
  'stty',
  'touch',
  'true',
  'tty',
  'wc',
];

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real program on an engine root of its own, with a directory that can be run: busybox, as `image`. */
export interface Strake extends AsyncDisposable {
  readonly root: string;
  /** "@/…" */
  readonly image: string;
  run(argv: readonly string[], options?: { input?: string; env?: NodeJS.ProcessEnv }): Promise<Output>;
  spawn(argv: readonly string[]): ChildProcess;
  /** Paths of containers, names and volumes that are there. */
  leftovers(): Promise<string[]>;
}

export async function openStrake(): Promise<Strake> {
  const directory = await mkdtemp(join(await fastFolder(), 'strake-cli-'));
  const [root, base] = [join(directory, 'root'), join(directory, 'busybox')];
  await makeBusybox(base);
  const environment = { ...process.env, STRAKE_ROOT: root, STRAKE_NETWORK: 'none' };
  const strake: Strake = {
    root,
    image: `@${base}`,
    run: (argv, { input, env } = {}) => execute(argv, { ...environment, ...env }, input),
    spawn: (argv) => spawn(process.execPath, [program, ...argv], { env: environment, stdio: 'pipe' }),
    leftovers: () => leftovers(root),
    [Symbol.asyncDispose]: async () => {
      const { stdout } = await strake.run(['ps', '-aq']);
      const ids = stdout.split('\n').filter(Boolean);
      if (ids.length > 0) await strake.run(['rm', '-fv', ...ids]);
      await rm(directory, { recursive: true, force: true });
    },
  };
  return strake;
}

export { program };

async function makeBusybox(base: string): Promise<void> {
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp'])
    await mkdir(join(base, name), { recursive: true });
  await copyFile('/bin/busybox', join(base, 'bin/busybox'));
  for (const applet of applets) await symlink('busybox', join(base, 'bin', applet));
}

/** Memory, where there is some: a disk adds nothing to what is tested here. */
async function fastFolder(): Promise<string> {
  return await readdir('/dev/shm').then(
    () => '/dev/shm',
    () => tmpdir(),
  );
}

function execute(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  input: string | undefined,
): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...argv], { env }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? -1 : 0;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

async function leftovers(root: string): Promise<string[]> {
  const folders = ['containers', 'names', 'volumes', 'run/containers'];
  const found = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(root, folder)).catch(() => [])).map((entry) => join(folder, entry)),
    ),
  );
  return found.flat().filter((path) => path !== 'names/.lock');
}
