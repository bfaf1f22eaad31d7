import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { parseLocation } from '../../lib/images/parse-location.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { inPieces, layoutMembers, ociArchive } from '../fixtures/archives.ts';
import { buildImage, buildIndex, hostArchitecture, noise } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { collectSteps } from '../fixtures/steps.ts';
import { tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';
import { startUploadRegistry } from '../fixtures/upload-registry.ts';

const image = buildImage({
  process: { Cmd: ['x'] },
  layers: [
    { entries: [{ path: 'base', content: noise(200_000) }] },
    { entries: [{ path: 'top', content: 't' }], compression: 'zstd' },
  ],
});
const arm = buildImage({
  platform: { os: 'linux', architecture: 'arm', variant: 'v6' },
  layers: [{ entries: [{ path: 'arm', content: 'a' }] }],
});
const index = buildIndex([
  [{ os: 'linux', architecture: hostArchitecture() }, image],
  [{ os: 'linux', architecture: 'arm', variant: 'v6' }, arm],
]);

function open(t: ExecutionContext) {
  const folder = temporaryFolder(t);
  const store = openTestImages(join(folder, 'root'), { keepCompressed: true });
  return { ...store, folder };
}

test('an image goes from a registry through a layout and an archive into the store, digest for digest', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, folder, leftovers } = open(t);
  const reference = registry.add(image, 'app', '1');
  const path = (name: string) => join(folder, name);
  t.is(
    (await images.copy(`docker://${reference}`, `oci:${path('layout')}:app:1`)).digest,
    image.target.digest,
  );
  t.is(
    (await images.copy(`oci:${path('layout')}:app:1`, `oci-archive:${path('a.tar')}:x`)).digest,
    image.target.digest,
  );
  t.is((await images.copy(`oci-archive:${path('a.tar')}`, 'mine:1')).digest, image.target.digest);
  t.like(await images.inspect('mine:1'), { id: image.config.digest, manifest: image.target });
  await images.copy('mine:1', `docker-archive:${path('d.tar')}:mine:2`);
  const [loaded] = await openTestImages(path('other')).images.load(path('d.tar'));
  t.is(loaded?.image.id, image.config.digest);
  t.deepEqual(loaded?.references, ['docker.io/library/mine:2']);
  t.deepEqual(leftovers(), []);
  t.deepEqual(readdirSync(path('layout')).sort(), ['blobs', 'index.json', 'oci-layout']);
});

test('of an index the image of the platform is copied, and with all everything', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, folder } = open(t);
  const source = `docker://${registry.add(index, 'both', '1')}`;
  const layout = (name: string) => `oci:${join(folder, name)}:1`;
  t.is((await images.copy(source, layout('host'))).digest, image.target.digest);
  t.is((await images.copy(source, layout('arm'), { platform: 'linux/arm/v6' })).digest, arm.target.digest);
  t.is((await images.copy(source, layout('all'), { all: true })).digest, index.target.digest);
  t.is(readdirSync(join(folder, 'all/blobs/sha256')).length, index.blobs.size);
  await t.throwsAsync(Promise.resolve(images.copy(source, 'here:1', { all: true })), {
    code: 'ERR_TRANSPORT_INVALID',
    message: /leave out --all/,
  });
});

test('a layout takes several images, names are taken over, and many may write to it at once', async (t) => {
  const { images, folder } = open(t);
  await images.load(inPieces(ociArchive({ image, names: ['one:1'] })));
  const layout = join(folder, 'layout');
  const tags = ['a', 'b', 'c', 'd', 'e', 'f'];
  await Promise.all(tags.map((tag) => images.copy('one:1', `oci:${layout}:${tag}`)));
  const read = () =>
    JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests.map(
      (entry: { annotations: Record<string, string> }) =>
        entry.annotations['org.opencontainers.image.ref.name'],
    );
  t.deepEqual(read().sort(), tags);
  await images.copy('one:1', `oci:${layout}:c`);
  t.deepEqual(read().sort(), tags);
  await images.copy(`oci:${layout}:c`, 'again:1');
  await t.throwsAsync(Promise.resolve(images.copy(`oci:${layout}:z`, 'no:1')), {
    code: 'ERR_IMAGE_NOT_FOUND',
    message: /it has a, /,
  });
});

test('a copy that cannot be begun leaves no layout, and sends no registry what it did not ask for', async (t) => {
  const { images, folder } = open(t);
  const layout = join(folder, 'layout');
  await t.throwsAsync(Promise.resolve(images.copy('nothing', `oci:${layout}:x`)), {
    code: 'ERR_IMAGE_NOT_FOUND',
  });
  t.false(existsSync(layout));
  await images.load(inPieces(ociArchive({ image, names: ['one:1'] })));
  const both = { all: true, platform: 'linux/arm64' };
  await t.throwsAsync(Promise.resolve(images.copy('one:1', `oci:${layout}:x`, both)), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /linux\/arm64 and all platforms exclude each other/,
  });
  await using registry = await startUploadRegistry();
  const wrong = `docker://${registry.address}/one@sha256:${'0'.repeat(64)}`;
  await t.throwsAsync(Promise.resolve(images.copy('one:1', wrong)), {
    code: 'ERR_REFERENCE_INVALID',
    message: /has the digest sha256:.*: write that one, or a tag/,
  });
  t.deepEqual(registry.requests, []);
  const { digest } = await images.copy('one:1', `docker://${registry.address}/one:1`);
  await images.copy('one:1', `docker://${registry.address}/one@${digest}`);
});

test('of several images in a file one must be named', async (t) => {
  const { images, folder } = open(t);
  const path = join(folder, 'a.tar');
  writeFileSync(
    path,
    tarOf(
      layoutMembers([
        { image, names: ['one:1'] },
        { image: arm, names: ['two:2'] },
      ]),
    ),
  );
  await t.throwsAsync(Promise.resolve(images.copy(`oci-archive:${path}`, 'x')), {
    code: 'ERR_IMAGE_AMBIGUOUS',
    message: /one:1, two:2/,
  });
  t.is((await images.copy(`oci-archive:${path}:one:1`, 'x')).digest, image.target.digest);
});

test('a folder becomes an image of one layer', async (t) => {
  const { images, folder, leftovers } = open(t);
  mkdirSync(join(folder, 'tree/etc'), { recursive: true });
  writeFileSync(join(folder, 'tree/etc/conf'), 'content');
  await images.copy(`@${join(folder, 'tree')}`, 'tree:1');
  const found = await images.inspect('tree:1');
  t.is(found.layers.length, 1);
  t.true(found.config.history[0]?.comment?.startsWith('Copied from @/'));
  t.deepEqual(leftovers(), []);
});

test('progress tells of every blob, and what fails leaves no file', async (t) => {
  const { images, folder } = open(t);
  await images.load(inPieces(ociArchive({ image, names: ['one:1'] })));
  const steps = await collectSteps(images.copy('one:1', `oci:${join(folder, 'layout')}:1`));
  t.deepEqual(
    steps.map(({ descriptor }) => descriptor.digest).sort(),
    [image.target.digest, image.config.digest, ...image.layers.map(({ blob }) => blob.digest)].sort(),
  );
  const blob = join(folder, 'root/content/blobs/sha256', image.layers[0]!.blob.digest.slice(7));
  writeFileSync(blob, noise(image.layers[0]!.blob.size, 9));
  await t.throwsAsync(Promise.resolve(images.copy('one:1', `oci-archive:${join(folder, 'bad.tar')}`)), {
    code: 'ERR_BLOB_DIGEST_MISMATCH',
  });
  await t.throwsAsync(Promise.resolve(images.copy('one:1', `oci:${join(folder, 'bad')}:1`)), {
    code: 'ERR_BLOB_DIGEST_MISMATCH',
  });
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('bad.')),
    [],
  );
  t.deepEqual(readdirSync(join(folder, 'bad')).sort(), ['blobs', 'oci-layout']);
});

test('a folder of something else is not made a layout', async (t) => {
  const { images, folder } = open(t);
  await images.load(inPieces(ociArchive({ image, names: ['one:1'] })));
  mkdirSync(join(folder, 'other'));
  writeFileSync(join(folder, 'other/file'), '');
  await t.throwsAsync(Promise.resolve(images.copy('one:1', `oci:${join(folder, 'other')}:1`)), {
    code: 'ERR_LAYOUT_INVALID',
  });
});

test('places are written as skopeo has them', (t) => {
  t.deepEqual(parseLocation('oci:/a/b:name:tag'), { transport: 'oci', path: '/a/b', name: 'name:tag' });
  t.deepEqual(parseLocation('docker-archive:a.tar'), {
    transport: 'docker-archive',
    path: 'a.tar',
    name: undefined,
  });
  t.deepEqual(parseLocation('@host'), { transport: 'directory', path: '/' });
  t.deepEqual(parseLocation('debian:12'), { transport: 'store', name: 'debian:12' });
  t.like(parseLocation('docker://debian'), { transport: 'docker', reference: { tag: 'latest' } });
  for (const text of ['oci:', 'docker-daemon:x:y', 'https://x/y', '@relative', 'dir:/x']) {
    t.throws(() => parseLocation(text), { code: 'ERR_TRANSPORT_INVALID' }, text);
  }
});

test("an image with Docker's manifest gets OCI's in a layout, of the same config and layers", async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, folder } = open(t);
  const docker = buildImage({ docker: true, layers: [{ entries: [{ path: 'file', content: 'x' }] }] });
  const source = `docker://${registry.add(docker, 'docker', '1')}`;
  const { digest } = await images.copy(source, `oci:${join(folder, 'layout')}:1`);
  const manifest = JSON.parse(readFileSync(join(folder, 'layout/blobs/sha256', digest.slice(7)), 'utf8'));
  t.is(manifest.mediaType, 'application/vnd.oci.image.manifest.v1+json');
  t.is(manifest.layers[0].mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip');
  t.is(manifest.layers[0].digest, docker.layers[0]!.blob.digest);
  await images.copy(`oci:${join(folder, 'layout')}:1`, 'again:1');
  t.is((await images.inspect('again:1')).id, docker.config.digest);
  t.is((await images.copy(source, `oci:${join(folder, 'all')}:1`, { all: true })).digest, digest);
});

test('plain layers are packed on their way into a registry, as by a push, unless they are to stay', async (t) => {
  await using registry = await startUploadRegistry();
  const { images, folder, leftovers } = open(t);
  const path = join(folder, 'a.tar');
  const plain = buildImage({ layers: [{ entries: [{ path: 'f', content: 'f' }], compression: 'none' }] });
  writeFileSync(path, ociArchive({ image: plain, names: ['one:1'] }));
  const layerOf = async (options: Parameters<typeof images.copy>[2]) => {
    const { digest } = await images.copy(
      `oci-archive:${path}`,
      `docker://${registry.address}/one:1`,
      options,
    );
    const [layer] = JSON.parse(registry.manifests.get(`one@${digest}`)!.bytes.toString()).layers;
    return { mediaType: layer.mediaType, bytes: registry.blobs.get(`one@${layer.digest}`)! };
  };
  const gzip = await layerOf({});
  t.is(gzip.mediaType, mediaTypes.ociLayerGzip);
  t.is(digestOf(gunzipSync(gzip.bytes)), plain.layers[0]!.diffId);
  t.is((await layerOf({ compression: { format: 'zstd', level: 19 } })).mediaType, mediaTypes.ociLayerZstd);
  t.is((await layerOf({ compression: { format: 'none' } })).mediaType, mediaTypes.ociLayer);
  t.is((await layerOf({ all: true })).mediaType, mediaTypes.ociLayer);
  t.deepEqual(leftovers(), []);
});

test('an archive becomes an image in a registry, and packed layers a docker-archive of plain ones', async (t) => {
  await using registry = await startRegistry();
  const { images, folder, leftovers } = open(t);
  const path = join(folder, 'a.tar');
  writeFileSync(path, ociArchive({ image, names: ['one:1'] }));
  const place = `docker://${registry.address}/group/one:1`;
  t.is((await images.copy(`oci-archive:${path}`, place)).digest, image.target.digest);
  t.is((await images.pull(place.slice('docker://'.length))).manifest.digest, image.target.digest);
  const other = openTestImages(join(folder, 'other'));
  await other.images.copy(place, `docker-archive:${join(folder, 'd.tar')}:two:2`);
  const [loaded] = await other.images.load(join(folder, 'd.tar'));
  t.is(loaded?.image.id, image.config.digest);
  t.deepEqual([...leftovers(), ...other.leftovers()], []);
});
