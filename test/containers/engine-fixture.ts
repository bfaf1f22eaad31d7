import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, openEngine } from '../../lib/engine/index.ts';

const applets = [
  'sh',
  'cat',
  'echo',
  'env',
  'false',
  'id',
  'ls',
  'pwd',
  'seq',
  'sleep',
  'touch',
  'true',
  'yes',
];

export interface EngineFixture extends AsyncDisposable {
  readonly engine: Engine;
  /** "@/…": busybox alone. */
  readonly image: string;
  readonly directory: string;
  leftovers(): Promise<string[]>;
}

/** An engine on a root of its own in memory. */
export async function openEngineFixture(): Promise<EngineFixture> {
  const directory = await mkdtemp('/dev/shm/strake-engine-');
  await chmod(directory, 0o755); // so that users other than root can use what is bound from here
  const base = join(directory, 'busybox');
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp'])
    await mkdir(join(base, name), { recursive: true });
  await copyFile('/bin/busybox', join(base, 'bin/busybox'));
  for (const applet of applets) await symlink('busybox', join(base, 'bin', applet));
  const root = join(directory, 'root');
  const engine = await openEngine({ root });
  return {
    engine,
    image: `@${base}`,
    directory,
    leftovers: () => leftovers(root),
    [Symbol.asyncDispose]: async () => {
      for (const { id } of await engine.containers.list({ all: true }))
        await engine.containers.remove(id, { force: true });
      await rm(directory, { recursive: true, force: true });
    },
  };
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
