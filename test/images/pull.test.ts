import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Config, defaultConfig } from '../../lib/config/index.ts';
import type { Mount } from '../../lib/mount/index.ts';
import { formatPlatform } from '../../lib/oci/index.ts';
import type { ImageReference } from '../../lib/reference/index.ts';
import { openRemoteRepository } from '../../lib/registry-client/index.ts';
import { type BuiltImage, buildImage, buildIndex, hostPlatformName, noise } from '../fixtures/image.ts';
import { type QuirkyRegistry, startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages, type TestImages } from '../fixtures/test-images.ts';

const threeLayers = buildImage({
  created: '2024-05-06T07:08:09Z',
  process: { Cmd: ['true'], Labels: { a: 'b' } },
  layers: [
    {
      entries: [
        { path: 'etc/' },
        { path: 'etc/release', content: 'one' },
        { path: 'etc/gone', content: 'x' },
      ],
    },
    { compression: 'zstd', entries: [{ path: 'usr/' }, { path: 'usr/noise', content: noise(300_000) }] },
    { compression: 'none', entries: [{ path: 'etc/release', content: 'three' }, { path: 'etc/.wh.gone' }] },
  ],
});

test('an image of gzip, zstd and plain layers is pulled, mountable, and described', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, snapshots, root, leftovers, partials } = await openRoot(t);
  const reference = registry.add(threeLayers, 'group/three', 'v1');
  const image = await images.pull(reference);
  t.is(image.id, threeLayers.config.digest);
  t.is(image.reference, reference);
  t.deepEqual(image.manifest, threeLayers.target);
  t.deepEqual(
    image.layers.map(({ chainId }) => chainId),
    threeLayers.layers.map(({ chainId }) => chainId),
  );
  t.is(image.chainId, threeLayers.layers[2]!.chainId);
  t.deepEqual(image.config.process.cmd, ['true']);
  t.is(formatPlatform(image.platform), hostPlatformName);
  const [top, middle, base] = lowersOf(await snapshots.prepare('container', image.chainId));
  t.is(readFileSync(join(top!, 'etc/release'), 'utf8'), 'three');
  t.true(statSync(join(top!, 'etc/gone')).isCharacterDevice());
  t.deepEqual(readFileSync(join(middle!, 'usr/noise')), noise(300_000));
  t.is(readFileSync(join(base!, 'etc/release'), 'utf8'), 'one');
  t.deepEqual([...leftovers(), ...partials()], []);
  t.deepEqual(await openTestImages(root).images.inspect(reference), image);
});

test('a tag is recorded with its digest, by both of which the image is found, as by its id', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, names } = await openRoot(t);
  const reference = registry.add(threeLayers, 'three');
  const image = await images.pull(reference);
  const pinned = `${registry.address}/three@${threeLayers.target.digest}`;
  t.deepEqual(names().sort(), [reference, pinned].sort());
  t.deepEqual(await images.inspect(`${registry.address}/three`), image);
  t.deepEqual(await images.inspect(pinned), { ...image, reference: pinned });
  t.deepEqual(await images.inspect(`${reference}@${threeLayers.target.digest}`), {
    ...image,
    reference: pinned,
  });
  for (const id of [image.id, image.id.slice(7), image.id.slice(7, 15), image.id.slice(0, 15)]) {
    t.deepEqual(await images.inspect(id), { ...image, reference: image.id });
  }
  t.like((await images.list())[0], {
    id: image.id,
    references: [reference],
    digests: [pinned],
    createdAt: '2024-05-06T07:08:09Z',
    labels: { a: 'b' },
  });
});

test('an image is pulled by digest, and then needs no registry', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, names } = await openRoot(t);
  registry.add(threeLayers, 'three');
  const pinned = `${registry.address}/three@${threeLayers.target.digest}`;
  const image = await images.pull(pinned);
  t.deepEqual(names(), [pinned]);
  registry.requests.length = 0;
  t.deepEqual(await images.pull(pinned), image);
  t.deepEqual(registry.requests, []);
});

test('a tag that is up to date costs one request', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, root } = await openRoot(t);
  const reference = registry.add(threeLayers, 'three');
  await images.pull(reference);
  registry.requests.length = 0;
  const steps = await collect(openTestImages(root).images.pull(reference));
  t.deepEqual(
    registry.requests.map(({ method }) => method),
    ['HEAD'],
  );
  t.like(steps.at(-1), { type: 'done', upToDate: true });
});

test('a tag that moved on is pulled again, what both have is not fetched twice, and the old image keeps its digest', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = await openRoot(t);
  const reference = registry.add(threeLayers, 'moving');
  const old = await images.pull(reference);
  const next = buildImage({
    layers: [
      {
        entries: [
          { path: 'etc/' },
          { path: 'etc/release', content: 'one' },
          { path: 'etc/gone', content: 'x' },
        ],
      },
      { entries: [{ path: 'new', content: 'new' }] },
    ],
  });
  registry.add(next, 'moving');
  registry.served.clear();
  const steps = await collect(images.pull(reference));
  t.is((await images.inspect(reference)).id, next.config.digest);
  t.false(registry.served.has(next.layers[0]!.blob.digest));
  t.true(steps.some((step) => step.type === 'layer' && step.index === 0 && step.status === 'exists'));
  const summaries = await images.list();
  t.deepEqual(summaries.find(({ id }) => id === old.id)?.references, []);
  t.is(summaries.find(({ id }) => id === old.id)?.digests.length, 1);
});

test('progress tells of resolving, of every layer to its end, and of the image', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = await openRoot(t);
  const steps = await collect(images.pull(registry.add(threeLayers, 'three')));
  t.like(steps[0], { type: 'resolved', digest: threeLayers.target.digest, platform: hostPlatformName });
  const last = new Map(steps.flatMap((step) => (step.type === 'layer' ? [[step.index, step] as const] : [])));
  for (const [index, { blob }] of threeLayers.layers.entries()) {
    t.like(last.get(index), { status: 'done', digest: blob.digest, current: blob.size, total: blob.size });
  }
  t.like(steps.at(-1), { type: 'done', upToDate: false });
});

test('of an index the image of this platform is taken, and of another one on request', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, names } = await openRoot(t);
  const { reference, index, here, arm } = addIndex(registry, false);
  t.is((await images.pull(reference)).id, here.config.digest);
  const other = await images.pull(reference, { platform: 'linux/arm/v6' });
  t.is(other.id, arm.config.digest);
  t.is(formatPlatform(other.platform), 'linux/arm/v6');
  t.true(names().includes(`${registry.address}/many@${index.target.digest}`));
  t.is((await images.inspect(here.config.digest)).reference, here.config.digest);
  t.is((await images.inspect(`${registry.address}/many@${here.target.digest}`)).id, here.config.digest);
  registry.requests.length = 0;
  await images.pull(reference, { platform: 'linux/arm/v6' });
  t.is(registry.requests.length, 1);
});

test('a platform takes the best variant that it can run, and one that has none is told what there is', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, names } = await openRoot(t);
  const { reference, arm } = addIndex(registry, false);
  t.is((await images.pull(reference, { platform: 'linux/arm/v7' })).id, arm.config.digest);
  const error = await t.throwsAsync(async () => images.pull(reference, { platform: 'linux/s390x' }), {
    code: 'ERR_PLATFORM_NOT_FOUND',
  });
  t.true(error?.message.includes(`${hostPlatformName}, linux/arm/v6`));
  t.is(names().length, 2);
});

test("Docker's own manifest list, manifest and layers are as good", async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = await openRoot(t);
  const { reference, here } = addIndex(registry, true);
  t.is((await images.pull(reference)).id, here.config.digest);
});

test('a lone image of another platform is worth a warning, and an error if that platform was not asked for', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = await openRoot(t);
  const foreign = { os: 'linux', architecture: 's390x' };
  const reference = registry.add(buildImage({ platform: foreign, layers: [] }), 'foreign');
  const steps = await collect(images.pull(reference));
  t.true(steps.some((step) => step.type === 'warning' && step.message.includes('linux/s390x')));
  await t.throwsAsync(async () => images.pull(reference, { platform: 'linux/amd64' }), {
    code: 'ERR_PLATFORM_NOT_FOUND',
  });
});

test('an image without layers', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = await openRoot(t);
  t.is((await images.pull(registry.add(buildImage({ layers: [] }), 'empty'))).chainId, null);
});

for (const keepCompressed of [false, true])
  test(`the same layer twice in an image is fetched once${keepCompressed ? ', and kept once' : ''}`, async (t) => {
    await using registry = await startQuirkyRegistry();
    const { images, snapshots, partials, leftovers } = await openRoot(t, { keepCompressed });
    const layer = { entries: [{ path: 'a', content: 'a' }] };
    const twice = await images.pull(registry.add(buildImage({ layers: [layer, layer] }), 'twice'));
    t.is(twice.layers[0]!.blob.digest, twice.layers[1]!.blob.digest);
    t.is(lowersOf(await snapshots.view(twice.chainId!)).length, 2);
    t.is(registry.served.get(twice.layers[0]!.blob.digest), twice.layers[0]!.blob.size);
    t.deepEqual([...partials(), ...leftovers()], []);
  });

test('a directory that a layer only implies keeps what the layers below say of it', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, snapshots } = await openRoot(t);
  const image = buildImage({
    layers: [
      { entries: [{ path: 'srv/', mode: 0o1770, uid: 12, gid: 34 }] },
      { entries: [{ path: 'srv/data/file', content: 'x' }] },
    ],
  });
  const pulled = await images.pull(registry.add(image, 'implied'));
  const [top] = lowersOf(await snapshots.view(pulled.chainId!));
  const { mode, uid, gid } = statSync(join(top!, 'srv'));
  t.deepEqual([mode & 0o7777, uid, gid], [0o1770, 12, 34]);
});

test('a hard link to a file of a lower layer is that file', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, snapshots } = await openRoot(t);
  const image = buildImage({
    layers: [
      { entries: [{ path: 'bin/tool', content: 'tool', mode: 0o4755, uid: 5, gid: 6, mtime: 77 }] },
      {
        entries: [
          { path: 'sbin/one', linkTo: 'bin/tool' },
          { path: 'sbin/two', linkTo: 'bin/tool' },
        ],
      },
    ],
  });
  const pulled = await images.pull(registry.add(image, 'linked'));
  const [top] = lowersOf(await snapshots.view(pulled.chainId!));
  const files = ['bin/tool', 'sbin/one', 'sbin/two'].map((path) => statSync(join(top!, path)));
  t.is(new Set(files.map(({ ino }) => ino)).size, 1);
  t.like(files[1], { mode: 0o104755, uid: 5, gid: 6, mtimeMs: 77_000, nlink: 3, size: 4 });
});

test('an opaque root hides all that is below, though its layer names every directory', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, snapshots } = await openRoot(t);
  const image = buildImage({
    layers: [
      { entries: [{ path: 'gone', content: 'x' }] },
      { entries: [{ path: './' }, { path: '.wh..wh..opq', content: '' }, { path: 'own', content: 'y' }] },
    ],
  });
  const pulled = await images.pull(registry.add(image, 'opaque'));
  const [top] = lowersOf(await snapshots.view(pulled.chainId!));
  t.true(statSync(join(top!, 'gone')).isCharacterDevice());
  t.true(statSync(join(top!, 'own')).isFile());
});

test('compressed layers are kept if asked for, and then serve instead of the registry', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, blobs, snapshots, root, partials } = await openRoot(t, { keepCompressed: true });
  const reference = registry.add(threeLayers, 'three');
  const image = await images.pull(reference);
  t.is(blobs().length, 2 + 3);
  t.deepEqual(partials(), []);
  await snapshots.remove(image.layers.map(({ chainId }) => chainId));
  registry.served.clear();
  await openTestImages(root, { keepCompressed: true }).images.pull(reference);
  for (const { blob } of threeLayers.layers) t.false(registry.served.has(blob.digest));
});

test('compressed layers are kept by default where the store keeps no tars', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, blobs } = await openRoot(t);
  await images.pull(registry.add(threeLayers, 'three'));
  t.is(blobs().length, 2 + 3);
});

test('compressed layers that were not kept are fetched by the next pull that is to keep them, without unpacking', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, root, blobs } = await openRoot(t, { keepCompressed: false });
  const reference = registry.add(threeLayers, 'three');
  await images.pull(reference);
  t.is(blobs().length, 2);
  const keeping = openTestImages(root, { keepCompressed: true });
  await keeping.images.pull(reference);
  t.is(blobs().length, 2 + 3);
  registry.requests.length = 0;
  await keeping.images.pull(reference);
  t.deepEqual(
    registry.requests.map(({ method }) => method),
    ['HEAD'],
  );
});

test('an image whose layer was lost is repaired by the next pull', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, snapshots } = await openRoot(t);
  const reference = registry.add(threeLayers, 'three');
  const image = await images.pull(reference);
  await snapshots.remove([image.chainId!]);
  await images.pull(reference);
  t.true(await snapshots.has(image.chainId!));
});

test('a mirror that sends false bytes is passed over', async (t) => {
  const plain = buildImage({
    layers: [{ compression: 'none', entries: [{ path: 'a', content: noise(100_000) }] }],
  });
  const lie = Buffer.from(plain.layers[0]!.bytes);
  lie[2000] = (lie[2000] ?? 0) ^ 1;
  const { mirrored, blob } = await pullFromMirror(t, plain, lie);
  t.is(mirrored, blob.size);
});

test('a mirror whose gzip stream is garbled is passed over though its digest was never known', async (t) => {
  const zipped = buildImage({ layers: [{ entries: [{ path: 'a', content: noise(8 << 20) }] }] });
  const lie = Buffer.from(zipped.layers[0]!.bytes);
  lie.fill(0xff, 100_000, 200_000);
  await pullFromMirror(t, zipped, lie);
});

/** Pulls from a registry that has a mirror which sends `lie` for the first layer. */
async function pullFromMirror(t: ExecutionContext, image: BuiltImage, lie: Buffer) {
  await using registry = await startQuirkyRegistry();
  await using mirror = await startQuirkyRegistry();
  const config: Config = {
    ...defaultConfig,
    registries: { [registry.address]: { mirrors: [`http://${mirror.address}`] } },
  };
  const { images, partials } = await openRoot(t, {
    openRepository: (reference: ImageReference) => openRemoteRepository(reference, { config, env: {} }),
  });
  const { blob } = image.layers[0]!;
  mirror.add(image, 'mirrored');
  mirror.quirk = ({ path }) => (path === `blobs/${blob.digest}` ? { bytes: lie } : undefined);
  const pulled = await images.pull(registry.add(image, 'mirrored'));
  t.is(pulled.id, image.config.digest);
  t.is(registry.served.get(blob.digest), blob.size);
  t.deepEqual(partials(), []);
  return { blob, mirrored: mirror.served.get(blob.digest) };
}

test('a corrupt layer is not fetched again from the next host when its digest is right', async (t) => {
  await using registry = await startQuirkyRegistry();
  await using mirror = await startQuirkyRegistry();
  const config: Config = {
    ...defaultConfig,
    registries: { [registry.address]: { mirrors: [`http://${mirror.address}`] } },
  };
  const { images } = await openRoot(t, {
    openRepository: (reference: ImageReference) => openRemoteRepository(reference, { config, env: {} }),
  });
  const corrupt = buildImage({ layers: [{ compression: 'none', tar: noise(10_240) }] });
  mirror.add(corrupt, 'corrupt');
  const reference = registry.add(corrupt, 'corrupt');
  await t.throwsAsync(async () => images.pull(reference), { code: 'ERR_LAYER_CORRUPT' });
  t.false(registry.served.has(corrupt.layers[0]!.blob.digest));
});

test('a damaged name file says what to do', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, root } = await openRoot(t);
  const reference = registry.add(threeLayers, 'three');
  await images.pull(reference);
  writeFileSync(join(root, 'images', `${encodeURIComponent(reference)}.json`), '{"refer');
  await t.throwsAsync(images.inspect(reference), { message: /delete it and pull the image again/ });
});

test('what cannot be a reference or a platform is refused before anything is asked', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, root } = await openRoot(t);
  await t.throwsAsync(async () => images.pull('a/UPPER'), { code: 'ERR_REFERENCE_INVALID' });
  await t.throwsAsync(async () => images.pull(`${registry.address}/x`, { platform: '///' }), {
    code: 'ERR_PLATFORM_INVALID',
  });
  await t.throwsAsync(async () => images.pull(`${registry.address}/absent`), {
    code: 'ERR_MANIFEST_NOT_FOUND',
  });
  t.false(existsSync(join(root, 'images')));
});

async function openRoot(t: ExecutionContext, options = {}): Promise<TestImages> {
  return openTestImages(temporaryFolder(t), options);
}

function addIndex(registry: QuirkyRegistry, docker: boolean) {
  const layers = [{ entries: [{ path: 'a', content: 'a' }] }];
  const arch = (architecture: string, variant?: string) => ({
    os: 'linux',
    architecture,
    ...(variant && { variant }),
  });
  const here = buildImage({ docker, layers });
  const arm = buildImage({ docker, layers, platform: arch('arm', 'v6') });
  const attestation = buildImage({ docker, layers, platform: arch('unknown') });
  const index: BuiltImage = buildIndex(
    [
      [{ os: 'unknown', architecture: 'unknown' }, attestation],
      [arch(hostPlatformName.split('/')[1]!), here],
      [arch('arm', 'v6'), arm],
    ],
    { docker },
  );
  return { reference: registry.add(index, 'many'), index, here, arm };
}

function lowersOf(mount: Mount): readonly string[] {
  if (mount.type !== 'overlay') return [];
  return mount.lower.map((layer) => ('directory' in layer ? layer.directory : layer.index));
}

async function collect<T>(steps: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const step of steps) all.push(step);
  return all;
}
