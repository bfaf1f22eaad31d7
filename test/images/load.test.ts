import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import {
  configPath,
  dockerArchive,
  dockerMembers,
  inPieces,
  layerPath,
  layoutMembers,
  ociArchive,
} from '../fixtures/archives.ts';
import { buildImage, buildIndex, hostArchitecture, noise } from '../fixtures/image.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { collectSteps } from '../fixtures/steps.ts';
import { type TarEntry, tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

const base = { entries: [{ path: 'base', content: noise(300_000) }], compression: 'none' } as const;
const one = buildImage({
  process: { Cmd: ['one'], Healthcheck: { Test: ['CMD', 'x'] } },
  layers: [base, { entries: [{ path: 'one', content: '1' }], compression: 'none' }],
});
const two = buildImage({
  process: { Cmd: ['two'] },
  layers: [base, { entries: [{ path: 'two', content: '2' }], compression: 'gzip' }],
});

for (const [format, archive] of Object.entries({
  'a docker-archive': dockerArchive,
  'an OCI layout': ociArchive,
})) {
  test(`${format} of several images, with several names and none, is loaded from a file and from a stream`, async (t) => {
    const folder = temporaryFolder(t);
    const bytes = archive({ image: one, names: ['one:v1', 'reg.example/one:v2'] }, { image: two });
    const path = join(folder, 'archive.tar');
    writeFileSync(path, bytes);
    for (const [at, input] of [path, inPieces(bytes)].entries()) {
      const { images, leftovers, partials } = openTestImages(join(folder, `${at}`));
      const loaded = await images.load(input);
      t.deepEqual(
        loaded.map(({ image, references }) => [image.id, references]),
        [
          [one.config.digest, ['docker.io/library/one:v1', 'reg.example/one:v2']],
          [two.config.digest, []],
        ],
      );
      t.deepEqual((await images.inspect('one:v1')).config.process.healthcheck, { test: ['CMD', 'x'] });
      t.is((await images.inspect(two.config.digest)).chainId, two.layers[1]!.chainId);
      t.is((await images.list()).length, 2);
      t.deepEqual([...leftovers(), ...partials()], []);
    }
    t.deepEqual(readFileSync(path), bytes);
  });
}

test('archives packed by gzip and zstd are unpacked; those by xz are refused with what to do', async (t) => {
  const folder = temporaryFolder(t);
  const bytes = dockerArchive({ image: one, names: ['one'] });
  const path = join(folder, 'archive');
  const packed = {
    gzip: gzipSync(bytes),
    zstd: Buffer.from(await mustRun('sh', ['-c', 'zstd -qc | base64'], { input: bytes }), 'base64'),
  };
  for (const [name, packedBytes] of Object.entries(packed)) {
    const { images } = openTestImages(join(folder, name));
    writeFileSync(path, packedBytes);
    t.is((await images.load(path))[0]?.image.id, one.config.digest);
    t.is((await images.load(inPieces(packedBytes)))[0]?.image.id, one.config.digest);
  }
  const xz = Buffer.from(await mustRun('sh', ['-c', 'xz -c | base64'], { input: bytes }), 'base64');
  const { images, leftovers } = openTestImages(folder);
  await t.throwsAsync(Promise.resolve(images.load(inPieces(xz))), {
    code: 'ERR_ARCHIVE_COMPRESSION_UNSUPPORTED',
    message: /xz -dc FILE/,
  });
  t.deepEqual(leftovers(), []);
});

test('layers that are packed within a docker-archive, and links to layers, are followed', async (t) => {
  const folder = temporaryFolder(t);
  const packed = buildImage({ layers: [{ entries: base.entries, compression: 'gzip' }] });
  const [layer] = packed.layers;
  const members = dockerMembers([{ image: packed, names: ['packed'] }]).map(
    (member): TarEntry =>
      member.path === layerPath(layer!) ? { ...member, path: 'first/layer.tar' } : member,
  );
  const linked = (link: TarEntry) => tarOf([...members, link]);
  const links: TarEntry[] = [
    { path: layerPath(layer!), target: '../first/layer.tar' },
    { path: layerPath(layer!), linkTo: 'first/layer.tar' },
  ];
  for (const [at, link] of links.entries()) {
    const { images } = openTestImages(join(folder, `${at}`));
    const [loaded] = await images.load(inPieces(linked(link)));
    t.is(loaded?.image.chainId, layer!.chainId);
    t.is(loaded?.image.layers[0]?.blob.digest, layer!.blob.digest);
  }
});

test('of an index the image of the platform is taken; one whose blobs are missing is named', async (t) => {
  const folder = temporaryFolder(t);
  const arm = buildImage({
    ...{ layers: [base] },
    platform: { os: 'linux', architecture: 'arm', variant: 'v6' },
  });
  const host = { os: 'linux', architecture: hostArchitecture() };
  const index = buildIndex([
    [host, one],
    [{ os: 'linux', architecture: 'arm', variant: 'v6' }, arm],
  ]);
  const { images } = openTestImages(folder);
  const bytes = ociArchive({ image: index, names: ['both:1'] });
  t.is((await images.load(inPieces(bytes)))[0]?.image.id, one.config.digest);
  t.is((await images.load(inPieces(bytes), { platform: 'linux/arm/v6' }))[0]?.image.id, arm.config.digest);
  const missing = layoutMembers([{ image: index, names: ['both:1'] }]).filter(
    ({ path }) => !path.endsWith(arm.config.digest.slice(7)),
  );
  await t.throwsAsync(Promise.resolve(images.load(inPieces(tarOf(missing)), { platform: 'linux/arm/v6' })), {
    code: 'ERR_BLOB_NOT_FOUND',
    message: new RegExp(arm.config.digest),
  });
});

test('a layout in a folder is loaded, and its bare tags are no names', async (t) => {
  const folder = temporaryFolder(t);
  const layout = join(folder, 'layout');
  await mustRun('sh', ['-c', 'mkdir "$0" && tar -x -C "$0"', layout], {
    input: ociArchive({ image: one, names: ['latest'] }),
  });
  const { images } = openTestImages(join(folder, 'root'));
  t.deepEqual((await images.load(layout))[0]?.references, []);
  t.deepEqual((await images.list())[0]?.references, []);
});

test('a name with a digest is given to the image that has it', async (t) => {
  const { images } = openTestImages(temporaryFolder(t));
  const name = `docker.io/library/app@${one.target.digest}`;
  t.deepEqual((await images.load(inPieces(ociArchive({ image: one, names: [name] }))))[0]?.references, [
    name,
  ]);
  t.is((await images.inspect(name)).id, one.config.digest);
});

test('loading again changes nothing, and a name is taken from the image that had it', async (t) => {
  const { images, names } = openTestImages(temporaryFolder(t));
  await images.load(inPieces(dockerArchive({ image: one, names: ['app'] })));
  const before = names();
  await images.load(inPieces(dockerArchive({ image: one, names: ['app'] })));
  t.deepEqual(names(), before);
  await images.load(inPieces(dockerArchive({ image: two, names: ['app'] })));
  t.is((await images.inspect('app')).id, two.config.digest);
  t.deepEqual((await images.list()).find(({ id }) => id === one.config.digest)?.references, []);
});

test('progress tells of every layer once, and of every image', async (t) => {
  const { images } = openTestImages(temporaryFolder(t));
  const steps = await collectSteps(
    images.load(inPieces(dockerArchive({ image: one, names: ['one'] }, { image: two }))),
  );
  const layers = steps.flatMap((step) => (step.type === 'layer' ? [[step.index, step.status] as const] : []));
  t.deepEqual(
    [...new Map(layers)],
    [
      [0, 'done'],
      [1, 'done'],
      [2, 'exists'],
      [3, 'done'],
    ],
  );
  t.deepEqual(
    steps.flatMap((step) => (step.type === 'loaded' ? [step.image.id] : [])),
    [one.config.digest, two.config.digest],
  );
});

test('an aborted load leaves nothing', async (t) => {
  const { images, leftovers, names, snapshots } = openTestImages(temporaryFolder(t));
  const abort = new AbortController();
  const bytes = dockerArchive({ image: one, names: ['one'] });
  const slowly = async function* () {
    yield* inPieces(bytes.subarray(0, 5000));
    abort.abort();
    yield bytes.subarray(5000);
  };
  await t.throwsAsync(Promise.resolve(images.load(slowly(), { signal: abort.signal })), {
    code: 'ERR_ABORTED',
  });
  await t.throwsAsync(Promise.resolve(images.load('/nowhere', { signal: abort.signal })), {
    code: 'ERR_ABORTED',
  });
  t.deepEqual([...leftovers(), ...names(), ...(await snapshots.list())], []);
});

const hostile: Readonly<Record<string, { readonly code: string; readonly bytes: Buffer }>> = {
  'bytes that are no tar': { code: 'ERR_ARCHIVE_INVALID', bytes: noise(5000) },
  'no bytes at all': { code: 'ERR_ARCHIVE_INVALID', bytes: Buffer.alloc(0) },
  'a tar that is cut': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: dockerArchive({ image: one }).subarray(0, 200_000),
  },
  'a tar of something else': { code: 'ERR_ARCHIVE_INVALID', bytes: tarOf(base.entries) },
  'an archive of docker before 1.10': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([{ path: 'repositories', content: '{}' }]),
  },
  'a member whose name leads out of the archive': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([...dockerMembers([{ image: one }]), { path: '../../etc/passwd', content: 'x' }]),
  },
  'an absolute member': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([...dockerMembers([{ image: one }]), { path: '/etc/passwd', content: 'x' }]),
  },
  'a layer that is a link to a file of this machine': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([
      ...dockerMembers([{ image: one }]).filter(({ path }) => path !== layerPath(one.layers[0]!)),
      { path: layerPath(one.layers[0]!), target: '/etc/passwd' },
    ]),
  },
  'a config that is a link out of the archive': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([
      ...dockerMembers([{ image: one }]).filter(({ path }) => path !== configPath(one)),
      { path: configPath(one), target: '../../../etc/passwd' },
    ]),
  },
  'links in a circle': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([
      { path: 'manifest.json', target: 'other' },
      { path: 'other', target: 'manifest.json' },
    ]),
  },
  'a manifest that stands in it twice': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([...dockerMembers([{ image: one }]), ...dockerMembers([{ image: two }])]),
  },
  'a missing layer': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf(dockerMembers([{ image: one }]).filter(({ path }) => path !== layerPath(one.layers[0]!))),
  },
  'a missing config': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf(dockerMembers([{ image: one }]).filter(({ path }) => path !== configPath(one))),
  },
  'a layer with other contents than its diffId says': {
    code: 'ERR_BLOB_DIGEST_MISMATCH',
    bytes: tarOf(
      dockerMembers([{ image: one }]).map((member) =>
        member.path === layerPath(one.layers[0]!)
          ? { ...member, content: tarOf([{ path: 'base', content: noise(300_000, 3) }]) }
          : member,
      ),
    ),
  },
  'a manifest.json of 5 MiB': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([{ path: 'manifest.json', content: Buffer.alloc(5 << 20, ' ') }]),
  },
  'a manifest.json that is no JSON': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([{ path: 'manifest.json', content: '[{' }]),
  },
  'a manifest.json that is no list': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf([{ path: 'manifest.json', content: '{}' }]),
  },
  'an image with fewer layers than diffIds': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: dockerArchive({ image: { ...one, layers: one.layers.slice(1) } }),
  },
  'a name that is none': {
    code: 'ERR_REFERENCE_INVALID',
    bytes: dockerArchive({ image: one, names: ['../../etc:x'] }),
  },
  'a name with the digest of something else': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: ociArchive({ image: one, names: [`debian@${two.target.digest}`] }),
  },
  'a layout of version 2': {
    code: 'ERR_ARCHIVE_INVALID',
    bytes: tarOf(
      layoutMembers([{ image: one }]).map((member) =>
        member.path === 'oci-layout' ? { ...member, content: '{"imageLayoutVersion":"2.0"}' } : member,
      ),
    ),
  },
  'a blob of a layout with other contents': {
    code: 'ERR_BLOB_DIGEST_MISMATCH',
    bytes: tarOf(
      layoutMembers([{ image: one }]).map((member) =>
        member.path.endsWith(one.layers[1]!.diffId.slice(7))
          ? { ...member, content: Buffer.from(one.layers[1]!.bytes).fill('x', 512, 513) }
          : member,
      ),
    ),
  },
};

for (const [name, { code, bytes }] of Object.entries(hostile)) {
  test(`refused, with nothing left: ${name}`, async (t) => {
    const { images, leftovers, names, blobs, partials } = openTestImages(temporaryFolder(t));
    await t.throwsAsync(Promise.resolve(images.load(inPieces(bytes))), { code });
    t.deepEqual([...leftovers(), ...names(), ...blobs(), ...partials()], []);
    t.deepEqual(await images.list(), []);
  });
}

test('an archive that inflates to more than the limit ends there', async (t) => {
  const { images, leftovers } = openTestImages(temporaryFolder(t), {
    limits: { maxBytes: 1 << 20, maxEntries: 100 },
  });
  const bomb = gzipSync(Buffer.alloc(20 << 20));
  await t.throwsAsync(Promise.resolve(images.load(inPieces(bomb))), { code: 'ERR_LAYER_TOO_LARGE' });
  await t.throwsAsync(Promise.resolve(images.load(inPieces(noise(2 << 20)))), {
    code: 'ERR_LAYER_TOO_LARGE',
  });
  t.deepEqual(leftovers(), []);
});

test('an image that cannot be loaded does not take back those before it', async (t) => {
  const { images } = openTestImages(temporaryFolder(t));
  const cut = layoutMembers([
    { image: one, names: ['one:1'] },
    { image: two, names: ['two:1'] },
  ]).filter(({ path }) => !path.endsWith(two.layers[1]!.blob.digest.slice(7)));
  await t.throwsAsync(Promise.resolve(images.load(inPieces(tarOf(cut)))), { code: 'ERR_BLOB_NOT_FOUND' });
  t.deepEqual(
    (await images.list()).map(({ id }) => id),
    [one.config.digest],
  );
});

test('an archive that arrives cut short is called by what the caller knows, not by a file of ours', async (t) => {
  const { images, leftovers } = openTestImages(temporaryFolder(t));
  const cut = ociArchive({
    image: buildImage({ layers: [{ entries: [{ path: 'a', content: noise(50_000) }] }] }),
  });
  await t.throwsAsync(Promise.resolve(images.load(inPieces(cut.subarray(0, 20_000)))), {
    code: 'ERR_ARCHIVE_INVALID',
    message: /^cannot read images from the standard input: the tar ends in the middle/,
  });
  t.deepEqual(leftovers(), []);
});
