import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { busyboxTree } from '../../test/fixtures/busybox-image.ts';
import { mustRun } from '../../test/fixtures/run-program.ts';
import type { Held } from './hold.ts';
import type { Contender } from './measure.ts';
import { compile, installed, LineProgram, type Stopwatch } from './programs.ts';

/** Of the library's engine, what is used here. */
interface Engine {
  readonly runDir: string;
  readonly containers: {
    create(image: string, options: object): Promise<StoppedContainer>;
  };
}

interface StoppedContainer {
  readonly id: string;
  start(): Promise<{ readonly pid: number; kill(): Promise<unknown> }>;
  remove(options: { force: boolean }): Promise<unknown>;
}

/** The config.json that the library writes for a waiting container; `whileRunning` is given its process. */
export async function writtenConfiguration(
  engine: Engine,
  image: string,
  options: object = {},
  whileRunning: (pid: number) => Promise<void> = async () => {},
): Promise<string> {
  const waiting = await engine.containers.create(image, { argv: ['sleep', '1000'], ...options });
  const started = await waiting.start();
  await whileRunning(started.pid);
  const configuration = await readFile(join(engine.runDir, 'containers', waiting.id, 'config.json'), 'utf8');
  await started.kill();
  await waiting.remove({ force: true });
  return configuration;
}

/**
 * `run` of an OCI runtime, made, started, ended and removed, with that config.json on a plain folder below `folder`; none
 * when the program is not installed.
 */
export async function runtimeContender(
  program: string,
  folder: string,
  configuration: string,
  stopwatch: Stopwatch,
): Promise<Contender[]> {
  if (!(await installed(program))) return [];
  const { argv, bundle } = await makeBundle(program, folder, configuration, ['/bin/true']);
  const run = [...argv, 'run', '--bundle', bundle, 'bench'];
  return [{ name: `${basename(program)} run`, once: () => stopwatch.time(run) }];
}

/** The same for `exec` in a container that waits, which ends with `held`. */
export async function runtimeExecContender(
  program: string,
  folder: string,
  configuration: string,
  { held, stopwatch }: { held: Held; stopwatch: Stopwatch },
): Promise<Contender[]> {
  if (!(await installed(program))) return [];
  const { argv, bundle } = await makeBundle(program, folder, configuration, ['/bin/sleep', '10000']);
  const [name = '', ...root] = argv;
  // The container keeps what it is given as its output, and mustRun waits until nobody has that any more.
  const quietly = ['-c', 'exec "$0" "$@" >/dev/null 2>&1'];
  await mustRun('sh', [...quietly, name, ...root, 'run', '--detach', '--bundle', bundle, 'bench']);
  held.add(async () => {
    await mustRun(name, [...root, 'delete', '--force', 'bench']);
  });
  const exec = [...argv, 'exec', 'bench', '/bin/true'];
  return [{ name: `${basename(program)} exec`, once: () => stopwatch.time(exec) }];
}

async function makeBundle(program: string, folder: string, configuration: string, args: readonly string[]) {
  const name = basename(program);
  const bundle = join(folder, name);
  await busyboxTree(join(bundle, 'rootfs'));
  await writeFile(join(bundle, 'config.json'), await forPlainFolder(configuration, bundle, name, args));
  return { argv: [program, '--root', join(folder, 'run', name)], bundle };
}

/** The same container on a plain folder; files that strake gave it (/etc/hosts and the like) come from the bundle. */
async function forPlainFolder(
  configuration: string,
  bundle: string,
  runtime: string,
  args: readonly string[],
): Promise<string> {
  const config = JSON.parse(configuration);
  config.ociVersion = '1.0.2'; // crun 1.8 knows no later one
  config.root = { path: 'rootfs' };
  config.process.args = args;
  config.process.terminal = false;
  config.linux.cgroupsPath = `/strake-bench/${runtime}`;
  for (const mount of config.mounts) {
    if (mount.type !== 'bind') continue;
    mount.source = join(bundle, basename(mount.source));
    await writeFile(mount.source, '');
  }
  return JSON.stringify(config);
}

/** bench/floor.c: the system calls that nobody can leave out. */
export async function floorContender(folder: string, held: Held): Promise<Contender> {
  const [rootfs, scratch] = [join(folder, 'floor/rootfs'), join(folder, 'floor/scratch')];
  await busyboxTree(rootfs);
  await mkdir(scratch);
  const floor = new LineProgram(await compile('floor.c'), [rootfs, scratch, '/bin/true']);
  held.add(() => floor.close());
  return { name: 'floor (bench/floor.c)', once: async () => Number(await floor.ask('\n')) / 1e6 };
}
