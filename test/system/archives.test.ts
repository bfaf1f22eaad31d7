import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Digest } from '../../lib/oci/index.ts';
import { inPieces, ociArchive } from '../fixtures/archives.ts';
import { busyboxLayer } from '../fixtures/busybox-image.ts';
import { startDockerDaemon } from '../fixtures/docker-daemon.ts';
import { type BuiltImage, buildImage } from '../fixtures/image.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { mustRun, runProgram } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages, type TestImages } from '../fixtures/test-images.ts';

/** What we save and copy, the other tools read, and the other way round: the very images, by their ids. */

const small = (content: string) => ({ entries: [{ path: 'etc/' }, { path: 'etc/app', content }] });

/** Two images that share a layer. */
async function twoImages(): Promise<readonly [BuiltImage, BuiltImage]> {
  const base = await busyboxLayer();
  const make = (name: string) =>
    buildImage({
      created: '2024-01-01T00:00:00Z',
      process: { Cmd: ['sh'], Env: ['PATH=/bin'], Labels: { name } },
      layers: [{ ...base, compression: 'gzip' }, small(name)],
    });
  return [make('one'), make('two')];
}

interface Fixture extends TestImages {
  readonly folder: string;
  readonly ids: readonly Digest[];
  /** Writes what `save` gives to a file of that name; answers its path. */
  save(name: string, format: 'docker-archive' | 'oci-archive', ...images: string[]): Promise<string>;
  /** Loads a file into an empty store; answers ids with names. */
  load(path: string): Promise<[Digest, readonly string[]][]>;
}

async function stocked(t: ExecutionContext): Promise<Fixture> {
  const folder = temporaryFolder(t);
  const store = openTestImages(join(folder, 'root'));
  const [one, two] = await twoImages();
  await store.images.load(
    inPieces(ociArchive({ image: one, names: ['one:1'] }, { image: two, names: ['reg.example/two:2'] })),
  );
  let loads = 0;
  return {
    ...store,
    folder,
    ids: [one.config.digest, two.config.digest],
    save: async (name, format, ...images) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of store.images.save(images, { format })) pieces.push(piece);
      writeFileSync(join(folder, name), Buffer.concat(pieces));
      return join(folder, name);
    },
    load: async (path) => {
      const other = openTestImages(join(folder, `load-${++loads}`));
      const loaded = await other.images.load(path);
      t.deepEqual(other.leftovers(), []);
      return loaded.map(({ image, references }) => [image.id, references]);
    },
  };
}

async function skopeo(...argv: readonly string[]): Promise<string> {
  return mustRun('skopeo', ['--insecure-policy', ...argv]);
}

test.serial('skopeo reads what we save, and we read what it copies', async (t) => {
  const { folder, save, load, ids, images } = await stocked(t);
  const idOf = async (place: string) => {
    await skopeo('copy', '-q', place, `oci:${folder}/seen:x`);
    const index = JSON.parse(readFileSync(join(folder, 'seen/index.json'), 'utf8'));
    const manifest = readFileSync(
      join(folder, 'seen/blobs/sha256', index.manifests[0].digest.slice(7)),
      'utf8',
    );
    return JSON.parse(manifest).config.digest;
  };
  const both = ['one:1', 'reg.example/two:2'];
  const docker = await save('docker.tar', 'docker-archive', ...both);
  const oci = await save('oci.tar', 'oci-archive', 'one:1');
  await skopeo(
    'copy',
    '-q',
    `docker-archive:${docker}:reg.example/two:2`,
    `docker-archive:${folder}/two.tar:two:5`,
  );
  t.deepEqual(await load(join(folder, 'two.tar')), [[ids[1]!, ['docker.io/library/two:5']]]);
  t.is(await idOf(`oci-archive:${oci}:1`), ids[0]);
  await images.copy('one:1', `oci:${folder}/layout:one:1`);
  t.is(await idOf(`oci:${folder}/layout:one:1`), ids[0]);
  await skopeo('copy', '-q', `docker-archive:${docker}:one:1`, `docker-archive:${folder}/theirs.tar:one:3`);
  t.deepEqual(await load(join(folder, 'theirs.tar')), [[ids[0]!, ['docker.io/library/one:3']]]);
  await skopeo('copy', '-q', `oci:${folder}/layout:one:1`, `oci-archive:${folder}/theirs-oci.tar:one:4`);
  t.deepEqual(await load(join(folder, 'theirs-oci.tar')), [[ids[0]!, ['docker.io/library/one:4']]]);
});

test.serial('umoci reads and changes a layout of ours, and we read it again', async (t) => {
  const { folder, images, ids } = await stocked(t);
  const layout = join(folder, 'layout');
  await images.copy('one:1', `oci:${layout}:one`);
  await images.copy('reg.example/two:2', `oci:${layout}:two`);
  t.deepEqual((await mustRun('umoci', ['ls', '--layout', layout])).trim().split('\n').sort(), ['one', 'two']);
  await mustRun('umoci', ['unpack', '--image', `${layout}:two`, join(folder, 'bundle')]);
  t.is(readFileSync(join(folder, 'bundle/rootfs/etc/app'), 'utf8'), 'two');
  await mustRun('umoci', [
    'config',
    '--image',
    `${layout}:one`,
    '--tag',
    'changed',
    '--config.cmd',
    'changed',
  ]);
  await images.copy(`oci:${layout}:changed`, 'changed:1');
  t.deepEqual((await images.inspect('changed:1')).config.process.cmd, ['changed']);
  await images.copy(`oci:${layout}:one`, 'unchanged:1');
  t.is((await images.inspect('unchanged:1')).id, ids[0]!);
});

/** podman with a store of its own below `folder`. Its runroot may have 50 characters. */
function podmanIn(folder: string): (...argv: readonly string[]) => Promise<string> {
  const places = ['--root', join(folder, 'podman'), '--runroot', join(folder, 'r')];
  const rest = ['--tmpdir', join(folder, 'podman-tmp'), '--storage-driver=vfs', '--events-backend=none'];
  return (...argv) => mustRun('podman', [...places, ...rest, ...argv]);
}

for (const format of ['gzip', 'zstd'] as const) {
  test.serial(`layers packed by ${format} go both ways, in layouts and registries`, async (t) => {
    const { folder, load, ids, images } = await stocked(t);
    await using registry = await startRegistry();
    const podman = podmanIn(folder);
    // Ours, read by podman and skopeo.
    const ours = `${registry.address}/ours:${format}`;
    await images.tag('one:1', ours);
    await images.push(ours, { compression: { format } });
    await images.copy(`docker://${ours}`, `oci:${folder}/ours:x`);
    await podman('pull', '-q', '--tls-verify=false', ours);
    t.is((await podman('inspect', '--format', '{{.Id}}', ours)).trim(), ids[0]!.slice(7));
    await skopeo('copy', '-q', '--src-tls-verify=false', `docker://${ours}`, `oci:${folder}/seen:x`);
    // Theirs, read by us.
    const packed = ['--dest-compress', '--dest-compress-format', format];
    await skopeo('copy', '-q', ...packed, `oci:${folder}/ours:x`, `oci:${folder}/theirs:two:2`);
    t.deepEqual(await load(join(folder, 'theirs')), [[ids[0]!, ['docker.io/library/two:2']]]);
    const theirs = `${registry.address}/theirs`;
    await skopeo(
      'copy',
      '-q',
      '--dest-tls-verify=false',
      ...packed,
      `oci:${folder}/ours:x`,
      `docker://${theirs}:s`,
    );
    const push = ['push', '-q', '--tls-verify=false', '--format=oci', '--compression-format', format];
    await podman(...push, ours, `${theirs}:p`);
    for (const tag of ['s', 'p']) {
      const pulled = await images.pull(`${theirs}:${tag}`);
      t.is(pulled.id, ids[0]!);
      t.true(
        pulled.layers.every(({ blob }) => blob.mediaType.endsWith(`+${format}`)),
        tag,
      );
    }
  });
}

test.serial('podman loads what we save, and we load what it saves', async (t) => {
  const { folder, save, load, ids } = await stocked(t);
  const podman = podmanIn(folder);
  const both = ['one:1', 'reg.example/two:2'];
  for (const path of [
    await save('docker.tar', 'docker-archive', ...both),
    await save('oci.tar', 'oci-archive', 'one:1'),
  ]) {
    await podman('load', '-q', '-i', path);
  }
  t.is((await podman('inspect', '--format', '{{.Id}}', 'docker.io/library/one:1')).trim(), ids[0]!.slice(7));
  t.is((await podman('inspect', '--format', '{{.Id}}', 'reg.example/two:2')).trim(), ids[1]!.slice(7));
  await podman(
    'save',
    '-q',
    '-m',
    '-o',
    join(folder, 'theirs.tar'),
    ...both.map((name) => name.replace(/^one/, 'docker.io/library/one')),
  );
  t.deepEqual(
    (await load(join(folder, 'theirs.tar'))).sort(),
    [
      [ids[0]!, ['docker.io/library/one:1']],
      [ids[1]!, ['reg.example/two:2']],
    ].sort() as [Digest, string[]][],
  );
  await podman(
    'save',
    '-q',
    '--format',
    'oci-archive',
    '-o',
    join(folder, 'theirs-oci.tar'),
    'docker.io/library/one:1',
  );
  t.deepEqual(await load(join(folder, 'theirs-oci.tar')), [[ids[0]!, ['docker.io/library/one:1']]]);
});

test.serial('docker loads what we save, and we load what it saves', async (t) => {
  const { folder, save, load, ids, images } = await stocked(t);
  if ((await runProgram('sh', ['-c', 'command -v dockerd'])).code !== 0)
    return t.log('skipped: dockerd is not installed');
  await using daemon = await startDockerDaemon(join(folder, 'docker'));
  const both = ['one:1', 'reg.example/two:2'];
  const said = await daemon.docker('load', '-i', await save('docker.tar', 'docker-archive', ...both));
  t.is(said, 'Loaded image: one:1\nLoaded image: reg.example/two:2\n');
  const ours = await daemon.docker('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}');
  t.deepEqual(ours.trim().split('\n').sort(), both.map((name, at) => `${name} ${ids[at]}`).sort());
  await daemon.docker('save', '-o', join(folder, 'theirs.tar'), ...both);
  t.deepEqual(
    (await load(join(folder, 'theirs.tar'))).sort(),
    both.map((name, at) => [ids[at]!, [name.replace(/^one/, 'docker.io/library/one')]]).sort() as [
      string,
      string[],
    ][],
  );
  // A root file system, both ways.
  mkdirSync(join(folder, 'tree'));
  writeFileSync(join(folder, 'tree/file'), 'content');
  const tar = join(folder, 'tree.tar');
  await mustRun('tar', ['-C', join(folder, 'tree'), '-cf', tar, '.']);
  await daemon.docker('import', '-c', 'CMD ["x"]', tar, 'imported:1');
  await daemon.docker('save', '-o', join(folder, 'imported.tar'), 'imported:1');
  await images.load(join(folder, 'imported.tar'));
  const own = await images.import(tar, { changes: ['CMD ["x"]'] });
  const theirs = await images.inspect('imported:1');
  t.deepEqual(theirs.config.diffIds, own.config.diffIds);
  t.deepEqual(theirs.config.process.cmd, own.config.process.cmd);
});
