import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { ErrorCode } from '../../lib/errors/index.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { type BuiltImage, buildImage, buildIndex, type ImageInput, noise } from '../fixtures/image.ts';
import { type Quirk, startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

interface Attack {
  readonly code: ErrorCode;
  readonly image: BuiltImage;
  /** What the registry answers for the image's first layer. */
  readonly layer?: Quirk;
  /** What it answers for the tag. */
  readonly manifest?: Quirk;
}

const file = { entries: [{ path: 'file', content: noise(200_000) }] };
const good = buildImage({ layers: [file] });
const plain = buildImage({ layers: [{ ...file, compression: 'none' }] });
const goodBytes = good.layers[0]!.bytes;
const plainBytes = plain.layers[0]!.bytes;
const lied = Buffer.from(plainBytes);
lied[1000] = (lied[1000] ?? 0) ^ 1;

/** An image whose one layer has these bytes, of that media type, with true digests. */
function withLayer(
  bytes: Buffer,
  mediaType: string,
  tar = bytes,
  options: Partial<ImageInput> = {},
): BuiltImage {
  const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
  const image = buildImage({
    layers: [{ tar, compression: 'none' }],
    ...options,
    alterManifest: (manifest) => ({ ...manifest, layers: [blob] }),
  });
  return { ...image, blobs: new Map([...image.blobs, [blob.digest, { mediaType, bytes }]]) };
}

const attacks: Readonly<Record<string, Attack>> = {
  'a layer with other bytes of the same length': {
    code: 'ERR_BLOB_DIGEST_MISMATCH',
    image: plain,
    layer: { bytes: lied },
  },
  'a layer that ends early': {
    code: 'ERR_BLOB_SIZE_MISMATCH',
    image: good,
    layer: { bytes: goodBytes.subarray(0, -100) },
  },
  'a layer that ends early, with no length given': {
    code: 'ERR_BLOB_SIZE_MISMATCH',
    image: good,
    layer: { bytes: goodBytes.subarray(0, -100), chunked: true },
  },
  'a layer that goes on': {
    code: 'ERR_BLOB_SIZE_MISMATCH',
    image: good,
    layer: { bytes: Buffer.concat([goodBytes, Buffer.from('more')]) },
  },
  'a layer that goes on, with no length given': {
    code: 'ERR_BLOB_SIZE_MISMATCH',
    image: good,
    layer: { bytes: Buffer.concat([goodBytes, Buffer.from('more')]), chunked: true },
  },
  'a layer whose size in the manifest is too small': {
    code: 'ERR_BLOB_SIZE_MISMATCH',
    image: buildImage({
      layers: [file],
      alterManifest: (manifest) => ({
        ...manifest,
        layers: manifest.layers.map((layer) => ({ ...layer, size: layer.size - 1 })),
      }),
    }),
  },
  'a layer that is not what the config says': {
    code: 'ERR_LAYER_DIFF_ID_MISMATCH',
    image: buildImage({
      layers: [file],
      alterConfig: (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: [digestOf('other')] } }),
    }),
  },
  'a layer that is no gzip': {
    code: 'ERR_LAYER_CORRUPT',
    image: withLayer(noise(5000), mediaTypes.ociLayerGzip),
  },
  'a layer whose gzip is cut off': {
    code: 'ERR_LAYER_CORRUPT',
    image: withLayer(goodBytes.subarray(0, 1000), mediaTypes.ociLayerGzip),
  },
  'a layer that is no tar': {
    code: 'ERR_LAYER_CORRUPT',
    image: withLayer(noise(5120), mediaTypes.ociLayer),
  },
  'a bomb of one large file': {
    code: 'ERR_LAYER_TOO_LARGE',
    image: buildImage({ layers: [{ entries: [{ path: 'zeros', content: Buffer.alloc(50 << 20) }] }] }),
  },
  'a bomb of zeros behind the end of the tar': {
    code: 'ERR_LAYER_TOO_LARGE',
    image: buildImage({ layers: [{ tar: Buffer.alloc(50 << 20) }] }),
  },
  'a bomb of many files': {
    code: 'ERR_LAYER_TOO_LARGE',
    image: buildImage({
      layers: [{ entries: Array.from({ length: 2000 }, (_, at) => ({ path: `file${at}` })) }],
    }),
  },
  'a file outside of the layer': {
    code: 'ERR_LAYER_UNSAFE',
    image: buildImage({ layers: [{ entries: [{ path: '../../escaped', content: 'x' }] }] }),
  },
  'a hard link to what no layer has': {
    code: 'ERR_LAYER_CORRUPT',
    image: buildImage({ layers: [{ entries: [{ path: 'link', linkTo: 'etc/shadow' }] }] }),
  },
  'a foreign layer': {
    code: 'ERR_LAYER_FOREIGN',
    image: withLayer(goodBytes, mediaTypes.dockerForeignLayerGzip),
  },
  'a layer with addresses of its own': {
    code: 'ERR_LAYER_FOREIGN',
    image: buildImage({
      layers: [file],
      alterManifest: (manifest) => ({
        ...manifest,
        layers: manifest.layers.map((layer) => ({ ...layer, urls: ['http://127.0.0.1:1/'] })),
      }),
    }),
  },
  'a layer of an unknown kind': {
    code: 'ERR_MEDIA_TYPE_UNSUPPORTED',
    image: withLayer(goodBytes, 'application/vnd.example.layer'),
  },
  'more layers than the config has': {
    code: 'ERR_MANIFEST_INVALID',
    image: buildImage({
      layers: [file],
      alterManifest: (manifest) => ({ ...manifest, layers: [...manifest.layers, ...manifest.layers] }),
    }),
  },
  'more layers than can be mounted': {
    code: 'ERR_MANIFEST_INVALID',
    image: buildImage({
      layers: [file],
      alterManifest: (manifest) => ({ ...manifest, layers: Array(501).fill(manifest.layers[0]) }),
      alterConfig: (config) => ({
        ...config,
        rootfs: { type: 'layers', diff_ids: Array(501).fill(config.rootfs.diff_ids[0]) },
      }),
    }),
  },
  'a config that is no config': {
    code: 'ERR_IMAGE_CONFIG_INVALID',
    image: buildImage({ layers: [file], alterConfig: () => ['no'] }),
  },
  'a config that claims to be huge': {
    code: 'ERR_BLOB_TOO_LARGE',
    image: buildImage({
      layers: [file],
      alterManifest: (manifest) => ({ ...manifest, config: { ...manifest.config, size: 1 << 30 } }),
    }),
  },
  'something that is no image': {
    code: 'ERR_MEDIA_TYPE_UNSUPPORTED',
    image: buildImage({
      layers: [file],
      alterManifest: (manifest) => ({
        ...manifest,
        config: { ...manifest.config, mediaType: 'application/vnd.cncf.helm.config.v1+json' },
      }),
    }),
  },
  'a manifest that is also an index': {
    code: 'ERR_MANIFEST_INVALID',
    image: buildImage({ layers: [file], alterManifest: (manifest) => ({ ...manifest, manifests: [] }) }),
  },
  'a digest that leads out of the store': {
    code: 'ERR_DIGEST_INVALID',
    image: buildImage({
      layers: [file],
      alterManifest: (manifest) => ({
        ...manifest,
        config: { ...manifest.config, digest: 'sha256:../../../../etc/passwd' },
      }),
    }),
  },
  'a manifest of schema 1': {
    code: 'ERR_SCHEMA1_UNSUPPORTED',
    image: good,
    manifest: { mediaType: mediaTypes.dockerSchema1Signed, bytes: Buffer.from('{"schemaVersion":1}') },
  },
  'indexes nested too deep': {
    code: 'ERR_MANIFEST_INVALID',
    image: [1, 2, 3, 4].reduce((inner) => buildIndex([[null, inner]]), good),
  },
  'an index whose entry claims to be huge': {
    code: 'ERR_BLOB_TOO_LARGE',
    image: buildIndex([[null, { ...good, target: { ...good.target, size: 1 << 30 } }]]),
  },
  'an index of nothing that is an image': {
    code: 'ERR_PLATFORM_NOT_FOUND',
    image: buildIndex([[null, { ...good, target: { ...good.target, mediaType: 'text/plain' } }]]),
  },
};

for (const [title, { code, image, layer, manifest }] of Object.entries(attacks)) {
  test(`${title} is ${code} and leaves nothing`, async (t) => {
    await using registry = await startQuirkyRegistry();
    const opened = openTestImages(temporaryFolder(t), { limits: { maxBytes: 10 << 20, maxEntries: 1000 } });
    const { images, snapshots, names, leftovers, partials, blobs } = opened;
    const reference = registry.add(image, 'hostile');
    registry.quirk = ({ path }) => {
      if (path === `blobs/${image.layers[0]?.blob.digest}`) return layer;
      return path === 'manifests/latest' ? manifest : undefined;
    };
    const error = await t.throwsAsync<NodeJS.ErrnoException>(async () => images.pull(reference), { code });
    t.true((error?.message.length ?? 0) > 20);
    t.deepEqual([...names(), ...partials(), ...blobs(), ...leftovers()], []);
    await images.sweep();
    t.deepEqual(await snapshots.list(), []);
    t.deepEqual(await images.list(), []);
  });
}

test('one bad layer stops the others, and the good one below is no image', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, names, leftovers, snapshots } = openTestImages(temporaryFolder(t));
  const image = buildImage({
    layers: [
      file,
      { tar: tarOf([{ path: '../x' }]) },
      { entries: [{ path: 'slow', content: noise(1 << 20) }] },
    ],
  });
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path }) =>
    path === `blobs/${image.layers[2]!.blob.digest}` ? { stallAfter: 1000 } : undefined;
  await t.throwsAsync(async () => images.pull(reference), { code: 'ERR_LAYER_UNSAFE' });
  t.deepEqual([...names(), ...leftovers()], []);
  await images.sweep();
  t.deepEqual(await snapshots.list(), []);
});

test('gzip of several members and with trailing zeros is no attack', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = openTestImages(temporaryFolder(t));
  const tar = tarOf([{ path: 'file', content: noise(5000) }]);
  const members = Buffer.concat([gzipSync(tar.subarray(0, 3000)), gzipSync(tar.subarray(3000))]);
  const image = withLayer(members, mediaTypes.ociLayerGzip, tar);
  t.is((await images.pull(registry.add(image, 'members'))).id, image.config.digest);
});
