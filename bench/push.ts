/**
 * How long from an image in a local store to a registry that has nothing of it?
 *
 *     npx tsx bench/push.ts [rounds]
 *
 * A Debian image of three layers, pulled before, into a registry on loopback that is new for each push. Who keeps the
 * compressed layers only sends them; who keeps what they unpack to packs them first: strake does the one or the other as
 * its store is made (directories, or tars with an index), docker and podman pack. skopeo copies from an OCI layout, so
 * never packs. Stores are on an ext4 with a journal (a loop device over memory, made here). Needs root, npm run build, and script/setup --tests.
 */
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { type LayoutImage, writeLayout } from '../test/fixtures/oci-layout.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { keep, measureCost, nothing, printCosts, type Spent, type Workers } from './harness/cost.ts';
import { mountDisk } from './harness/disk.ts';
import { Held } from './harness/hold.ts';
import { type Contender, interleave } from './harness/measure.ts';
import { type PeerFolders, podman, startContainerd, startDocker } from './harness/peers.ts';
import { installed, Stopwatch, type Usage } from './harness/programs.ts';
import { checkout, inSandbox, runFolder } from './harness/sandbox.ts';
import { printSeries } from './harness/table.ts';

/** One way to push what was pulled as `source`; `target` has another name each time. */
interface Pusher extends Workers {
  readonly name: string;
  prepare(target: string): Promise<unknown>;
  push(target: string): Promise<Spent>;
}

await inSandbox(import.meta.filename, debianImage, async () => {
  const rounds = Number(process.argv[2] ?? 5);
  const folder = makeFastFolder('bench');
  try {
    await using held = new Held();
    const disk = held.use(await mountDisk(folder, 8));
    const folders = { store: disk.path, run: runFolder };
    const registry = held.use(await startRegistry());
    const image = await plainImage(folder);
    const source = await registry.push(image, 'debian:12');
    const stopwatch = await Stopwatch.start();
    held.add(() => stopwatch.close());
    const pushers = [
      ...(await ours(held, stopwatch, folders, source)),
      ...(await peers(held, stopwatch, folders, source, image)),
    ];
    const costs = new Map<string, Usage[]>();
    const contenders = await whichCan(pushers.map((pusher) => contender(pusher, costs)));
    const series = await interleave(contenders, { rounds, warmups: 0 });
    printSeries('push into an empty registry', series, 's');
    printCosts(costs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Each pushes once, which warms it up, too; who cannot is named, and left out. */
async function whichCan(contenders: readonly Contender[]): Promise<Contender[]> {
  const able: Contender[] = [];
  for (const one of contenders) {
    const failure = await one.once().then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failure === undefined) able.push(one);
    else console.log(`skipped: ${one.name}: ${failure.slice(0, 300)}`);
  }
  return able;
}

function contender(pusher: Pusher, costs: Map<string, Usage[]>): Contender {
  const once = async (): Promise<number> => {
    await using registry = await startRegistry();
    const target = `${registry.address}/debian:12`;
    await pusher.prepare(target);
    const cost = await measureCost(pusher, () => pusher.push(target));
    keep(costs, pusher.name, cost);
    return cost.milliseconds;
  };
  return { name: pusher.name, once };
}

async function ours(
  held: Held,
  stopwatch: Stopwatch,
  { store }: PeerFolders,
  source: string,
): Promise<Pusher[]> {
  const { openEngine } = await import('strake');
  const pushers: Pusher[] = [];
  for (const layers of ['directory', 'erofs'] as const) {
    const root = join(store, `strake-${layers}`);
    const { images } = held.use(await openEngine({ root, layers }));
    await images.pull(source);
    const kept = layers === 'directory' ? 'compressed layers' : 'tars';
    pushers.push({
      name: `strake, library, keeps ${kept}`,
      isHere: true,
      prepare: (target) => images.tag(source, target),
      push: async (target) => {
        await images.push(target);
        return nothing;
      },
    });
    const strake = [join(checkout, 'bin/strake'), '--root', root];
    const run = (...argv: string[]) => mustRun(strake[0] ?? '', [...strake.slice(1), ...argv]);
    pushers.push({
      name: `strake push, keeps ${kept}`,
      prepare: (target) => run('tag', source, target),
      push: (target) => stopwatch.measure([...strake, 'push', '-q', target]),
    });
  }
  return pushers;
}

/**
 * The Debian image without its last layer, which has one of every odd thing: docker and podman cannot put that one's tar
 * together again, and so not push it.
 */
async function plainImage(folder: string): Promise<LayoutImage> {
  const whole = (await debianImage()).folder;
  const read = async (path: string) => JSON.parse(await readFile(join(whole, path), 'utf8'));
  const blob = ({ digest }: { digest: string }) => join('blobs', digest.replace(':', '/'));
  const index = await read('index.json');
  const { layers } = await read(blob(index.manifests[0]));
  const links = layers.slice(0, -1).map(async (layer: { digest: string; mediaType: string }, at: number) => {
    const suffix = layer.mediaType.endsWith('zstd') ? '.zst' : layer.mediaType.endsWith('gzip') ? '.gz' : '';
    const link = join(folder, `layer-${at}.tar${suffix}`);
    await symlink(join(whole, blob(layer)), link);
    return link;
  });
  return writeLayout(join(folder, 'layout'), { layers: await Promise.all(links) });
}

async function peers(
  held: Held,
  stopwatch: Stopwatch,
  folders: PeerFolders,
  source: string,
  image: LayoutImage,
): Promise<Pusher[]> {
  const found: Pusher[] = [];
  if ((await installed('containerd')) && (await installed('dockerd'))) {
    await mkdir(folders.run, { recursive: true });
    const containerd = held.use(await startContainerd(folders));
    const docker = ['docker', '-H', `unix://${held.use(await startDocker(folders, containerd)).socket}`];
    const push = await command(stopwatch, 'docker push', docker, source, ['push', '-q']);
    found.push({ ...push, daemons: ['dockerd', 'containerd'] });
  }
  if (await installed('podman')) {
    await mkdir(join(folders.run, 'podman-tmp'), { recursive: true });
    const push = ['push', '-q', '--tls-verify=false'];
    found.push(await command(stopwatch, 'podman push', podman(folders), source, push));
  }
  if (await installed('skopeo')) found.push(skopeo(stopwatch, image));
  return found;
}

async function command(
  stopwatch: Stopwatch,
  name: string,
  [program = '', ...base]: readonly string[],
  source: string,
  push: readonly string[],
): Promise<Pusher> {
  const run = (...argv: string[]) => mustRun(program, [...base, ...argv]);
  await run('pull', '-q', ...(name.startsWith('podman') ? ['--tls-verify=false'] : []), source);
  return {
    name,
    prepare: (target) => run('tag', source, target),
    push: (target) => stopwatch.measure([program, ...base, ...push, target]),
  };
}

function skopeo(stopwatch: Stopwatch, { reference }: LayoutImage): Pusher {
  const copy = ['--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', reference];
  return {
    name: 'skopeo copy, from a layout',
    prepare: async () => undefined,
    push: (target) => stopwatch.measure(['skopeo', ...copy, `docker://${target}`]),
  };
}
