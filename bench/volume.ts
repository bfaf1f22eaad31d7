/**
 * Do writes to a volume bypass the container's layer?
 *
 *     npx tsx bench/volume.ts [rounds]
 *
 * The same work in one running container: in its own layer (the upper directory of an overlay), in a volume, in a volume of a
 * container with a user namespace (an idmapped mount), and by a shell of the host in a directory of the same ext4 (a loop
 * device over memory, made here). Files of the image and of the volume are rewritten too: those of a layer are copied up
 * first. Each time is that of the whole command, 2 ms of an exec among it. Needs root.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, openEngine } from '../lib/engine/index.ts';
import { busyboxImage } from '../test/fixtures/busybox-image.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { mountDisk } from './harness/disk.ts';
import { Held } from './harness/hold.ts';
import { type Contender, interleave, timed } from './harness/measure.ts';
import { inSandbox } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';

/** By name: what is done below $1. */
const works: Readonly<Record<string, string>> = {
  '2000 small files made and removed':
    'mkdir $1/d; i=0; while [ $i -lt 2000 ]; do echo x >$1/d/$i; i=$((i+1)); done; rm -r $1/d',
  '64 MiB written and synced': 'dd if=/dev/zero of=$1/file bs=1M count=64 conv=fsync 2>/dev/null; rm $1/file',
  'one byte of a 64 MiB file that was there':
    'printf x | dd of=$1/big bs=1 seek=100 conv=notrunc 2>/dev/null',
};

const makeBig = 'dd if=/dev/zero of=$1/big bs=1M count=64 2>/dev/null';

await inSandbox(import.meta.filename, busyboxImage, async () => {
  const rounds = Number(process.argv[2] ?? 7);
  const folder = makeFastFolder('bench');
  try {
    await using held = new Held();
    const disk = held.use(await mountDisk(folder, 4));
    await using engine = await openEngine({ root: join(disk.path, 'root') });
    const image = await imageWithBigFile(engine);
    const places = await placesOn(engine, image, disk.path);
    for (const [title, script] of Object.entries(works)) {
      const contenders = places.map(
        ({ name, run, prepare }): Contender => ({
          name,
          once: async () => {
            await prepare?.();
            return timed(() => run(script));
          },
        }),
      );
      printSeries(title, await interleave(contenders, { rounds, warmups: 1 }), 'ms');
    }
    for (const { id } of await engine.containers.list({ all: true }))
      await engine.containers.remove(id, { force: true, volumes: true });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Busybox and /layer/big, so that there is something to be copied up. */
async function imageWithBigFile(engine: Engine): Promise<string> {
  await engine.images.load((await busyboxImage()).folder);
  const base = (await engine.images.list())[0]?.id ?? '';
  const made = await engine.containers.create(base, {
    argv: ['sh', '-ec', `mkdir /layer; set -- /layer; ${makeBig}`],
  });
  await made.start();
  await made.wait();
  const { id } = await made.commit({ reference: 'big:1' });
  await made.remove();
  return id;
}

interface Place {
  readonly name: string;
  run(script: string): Promise<unknown>;
  /** Not measured. */
  prepare?(): Promise<void>;
}

async function placesOn(engine: Engine, image: string, disk: string): Promise<Place[]> {
  const host = join(disk, 'host');
  await mkdir(host);
  const places: Place[] = [
    { name: "the host's directory", run: (script) => mustRun('busybox', ['sh', '-c', script, 'sh', host]) },
    { name: 'a volume', run: await inContainer(engine, image, '/volume', {}) },
    {
      name: 'a volume, idmapped',
      run: await inContainer(engine, image, '/volume', { user: { hostId: 2_000_000_000 } }),
    },
  ];
  for (const { run } of places) await run(makeBig);
  return [...places, layerOf(engine, image)];
}

async function inContainer(engine: Engine, image: string, path: string, namespaces: object) {
  const container = await engine.containers.create(image, {
    argv: ['sleep', '3600'],
    mounts: [{ type: 'volume', target: '/volume' }],
    namespaces,
  });
  await container.start();
  return async (script: string) => {
    const { exitCode, stderr } = await container.run(['sh', '-c', script, 'sh', path]);
    if (exitCode !== 0) throw new Error(stderr);
  };
}

/** Of a new container each time: what has been copied up once is not copied again. */
function layerOf(engine: Engine, image: string): Place {
  let run: (script: string) => Promise<void> = async () => undefined;
  return {
    name: "the container's layer",
    prepare: async () => {
      run = await inContainer(engine, image, '/layer', {});
    },
    run: (script) => run(script),
  };
}
