import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { PushProgress } from '../../lib/images/index.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { type BuiltImage, buildImage, buildIndex, hostArchitecture, noise } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages, type TestImages } from '../fixtures/test-images.ts';
import { startUploadRegistry, type UploadRegistry } from '../fixtures/upload-registry.ts';

const base = { entries: [{ path: 'etc/' }, { path: 'etc/base', content: noise(200_000) }] };
const image = buildImage({
  layers: [
    base,
    { compression: 'zstd', entries: [{ path: 'big', content: noise(6_000_000, 2) }] },
    { compression: 'none', entries: [{ path: 'plain', content: 'x'.repeat(5000) }] },
  ],
});

/** A store into which images were pulled from a registry that is gone. */
async function stocked(
  t: ExecutionContext,
  images: Readonly<Record<string, BuiltImage>>,
  options: Parameters<typeof openTestImages>[1] & { platforms?: readonly string[] } = {},
): Promise<TestImages> {
  await using registry = await startQuirkyRegistry();
  const { platforms = [undefined], ...rest } = options;
  const store = openTestImages(temporaryFolder(t), rest);
  for (const [name, built] of Object.entries(images)) {
    const reference = registry.add(built, name.replace(/:.*/, ''), name.split(':')[1]);
    for (const platform of platforms) await store.images.pull(reference, platform ? { platform } : {});
    await store.images.tag(reference, `other.example/${name}`);
  }
  return store;
}

/** What was pushed, read back and compared, digest for digest. */
function isStored(registry: UploadRegistry, path: string, tag: string, built: BuiltImage): boolean {
  const manifest = registry.manifests.get(`${path}:${tag}`);
  if (manifest === undefined || digestOf(manifest.bytes) !== built.target.digest) return false;
  return [...built.blobs.entries()].every(([digest, { bytes }]) => {
    const found =
      registry.blobs.get(`${path}@${digest}`) ?? registry.manifests.get(`${path}@${digest}`)?.bytes;
    return found?.equals(bytes);
  });
}

async function stepsOf(task: AsyncIterable<PushProgress>): Promise<PushProgress[]> {
  const steps: PushProgress[] = [];
  for await (const step of task) steps.push(step);
  return steps;
}

test('an image is pushed as it came, digest for digest, its manifest last', async (t) => {
  const { images, leftovers, names } = await stocked(t, { image });
  await using registry = await startUploadRegistry();
  const reference = `${registry.address}/group/image:v1`;
  await images.tag('other.example/image', reference);
  const pushed = await images.push(reference);
  t.true(isStored(registry, 'group/image', 'v1', image));
  t.like(pushed, { reference, digest: image.target.digest, size: image.target.size, repacked: false });
  t.is(registry.requests.at(-1)!.step, 'manifest');
  t.true(names().includes(`${registry.address}/group/image@${image.target.digest}`));
  t.deepEqual(leftovers(), []);
});

test('what the repository has is not sent again', async (t) => {
  const { images } = await stocked(t, { image });
  await using registry = await startUploadRegistry();
  const reference = `${registry.address}/image`;
  await images.tag('other.example/image', reference);
  await images.push(reference);
  registry.requests.length = 0;
  const steps = await stepsOf(images.push(reference));
  t.deepEqual(new Set(registry.requests.map(({ step }) => step)), new Set(['head', 'manifest']));
  const blobs = steps.filter((step) => step.type === 'blob');
  t.true(blobs.length >= 4 && blobs.filter(({ status }) => status === 'exists').length === 4);
});

test('a layer that another repository of the registry is known to have is mounted from there', async (t) => {
  const child = buildImage({ layers: [base, { entries: [{ path: 'own', content: 'own' }] }] });
  const { images } = await stocked(t, { image, child });
  await using registry = await startUploadRegistry();
  await images.tag('other.example/image', `${registry.address}/base`);
  await images.tag('other.example/child', `${registry.address}/child`);
  await images.push(`${registry.address}/base`);
  const steps = await stepsOf(images.push(`${registry.address}/child`));
  const mounted = steps.filter((step) => step.type === 'blob' && step.status === 'mounted');
  t.like(mounted, [{ digest: child.layers[0]!.blob.digest, from: ['base'] }]);
  t.is(registry.steps('mount').length, 1);
  t.true(isStored(registry, 'child', 'latest', child));
});

test('a push that is cut in the middle of a layer goes on there', async (t) => {
  const { images } = await stocked(t, { image });
  await using registry = await startUploadRegistry();
  let cuts = 0;
  registry.quirk = ({ step }) => (step === 'piece' && cuts++ < 3 ? { cutAfter: 1_500_000 } : undefined);
  await images.tag('other.example/image', `${registry.address}/image`);
  const steps = await stepsOf(images.push(`${registry.address}/image`));
  t.is(registry.steps('piece').length, 4);
  t.is(registry.steps('piece')[1]!.headers['content-range']?.split('-')[0], '1500000');
  t.true(isStored(registry, 'image', 'latest', image));
  t.is(steps.at(-1)?.type, 'done');
});

test('a push that is aborted, and one that fails, name nothing; the next one sends only the rest', async (t) => {
  const { images, leftovers } = await stocked(t, { image });
  await using registry = await startUploadRegistry();
  const reference = `${registry.address}/image`;
  await images.tag('other.example/image', reference);
  const abort = new AbortController();
  registry.quirk = ({ step }) => {
    if (step === 'piece') abort.abort();
    return undefined;
  };
  await t.throwsAsync(Promise.resolve(images.push(reference, { signal: abort.signal })), {
    code: 'ERR_ABORTED',
    message: /not sent again/,
  });
  t.is(registry.manifests.size, 0);
  registry.quirk = ({ step }) => (step === 'manifest' ? { status: 400, code: 'TAG_INVALID' } : undefined);
  await t.throwsAsync(Promise.resolve(images.push(reference)), { code: 'ERR_UPLOAD_REFUSED' });
  t.is(registry.manifests.size, 0);
  registry.quirk = () => undefined;
  registry.requests.length = 0;
  await images.push(reference);
  t.is(registry.steps('close').length, 0);
  t.true(isStored(registry, 'image', 'latest', image));
  t.deepEqual(leftovers(), []);
});

test('a blob that the disk has altered is never stored in the registry', async (t) => {
  const { images, root } = await stocked(t, { image });
  await using registry = await startUploadRegistry();
  await images.tag('other.example/image', `${registry.address}/image`);
  const { digest } = image.layers[1]!.blob;
  const path = join(root, 'content/blobs/sha256', digest.slice('sha256:'.length));
  const bytes = readFileSync(path);
  bytes[1_000_000]! ^= 1;
  writeFileSync(path, bytes);
  await t.throwsAsync(Promise.resolve(images.push(`${registry.address}/image`)), {
    code: 'ERR_BLOB_DIGEST_MISMATCH',
    message: /altered .* pull it again/,
  });
  t.false(registry.blobs.has(`image@${digest}`));
  t.is(registry.manifests.size, 0);
});

test('layers whose bytes were not kept say what to do, unless the registry has them', async (t) => {
  const { images } = await stocked(t, { image }, { keepCompressed: false });
  await using registry = await startUploadRegistry();
  const reference = `${registry.address}/image`;
  await images.tag('other.example/image', reference);
  await t.throwsAsync(Promise.resolve(images.push(reference)), { code: 'ERR_LAYER_BYTES_MISSING' });
  for (const { blob, bytes } of image.layers) registry.blobs.set(`image@${blob.digest}`, bytes);
  await images.push(reference);
  t.true(isStored(registry, 'image', 'latest', image));
});

test('layers that are here as tars are compressed, the same each time, and the manifest says so', async (t) => {
  const only = buildImage({ layers: [base] });
  const [layer] = only.layers;
  const { images, snapshots, root } = await stocked(t, { only }, { keepCompressed: false });
  const path = join(root, 'layer.tar');
  const tar = gunzipSync(layer!.bytes);
  writeFileSync(path, tar);
  const tars = { has: snapshots.has.bind(snapshots), tar: async () => ({ path, size: tar.length }) };
  const keeping = openTestImages(root, { snapshots: Object.assign(Object.create(snapshots), tars) });
  await using registry = await startUploadRegistry();
  await images.tag('other.example/only', `${registry.address}/only`);
  const pushed = await keeping.images.push(`${registry.address}/only`);
  t.true(pushed.repacked);
  const manifest = JSON.parse(registry.manifests.get('only:latest')!.bytes.toString());
  t.is(manifest.layers[0].mediaType, mediaTypes.ociLayerGzip);
  t.is(manifest.config.digest, only.config.digest);
  const sent = registry.blobs.get(`only@${manifest.layers[0].digest}`)!;
  t.is(digestOf(gunzipSync(sent)), layer!.diffId);
  t.is((await keeping.images.push(`${registry.address}/only`)).digest, pushed.digest);
});

test('what a layer was packed into is remembered: it is not packed again for a repository that has it', async (t) => {
  const { images, root } = await stocked(t, { image });
  await using registry = await startUploadRegistry();
  const references = ['one', 'two'].map((tag) => `${registry.address}/image:${tag}`);
  const push = async (reference: string) => {
    await images.tag('other.example/image', reference);
    const steps = await stepsOf(images.push(reference, { compression: { format: 'gzip', level: 1 } }));
    return steps.filter((step) => step.type === 'blob' && step.status === 'packing').length;
  };
  t.is(await push(references[0]!), 3);
  t.is(await push(references[1]!), 0);
  const manifestOf = (tag: string) => registry.manifests.get(`image:${tag}`)!.bytes;
  t.deepEqual(manifestOf('two'), manifestOf('one'));
  t.is(readdirSync(join(root, 'content/packed')).length, 3);
  await images.prune({ all: true });
  t.deepEqual(readdirSync(join(root, 'content/packed')), []);
});

test('with a compression every layer is brought into it', async (t) => {
  const { images, names } = await stocked(t, { image });
  await using registry = await startUploadRegistry();
  const reference = `${registry.address}/image`;
  await images.tag('other.example/image', reference);
  const pushed = await images.push(reference, { compression: { format: 'zstd' } });
  const { layers } = JSON.parse(registry.manifests.get('image:latest')!.bytes.toString());
  t.deepEqual(
    new Set(layers.map(({ mediaType }: { mediaType: string }) => mediaType)),
    new Set([mediaTypes.ociLayerZstd]),
  );
  t.is(layers[1].digest, image.layers[1]!.blob.digest);
  t.true(pushed.repacked);
  t.true(names().includes(`${registry.address}/image@${pushed.digest}`));
});

const platforms = buildIndex([
  [
    { os: 'linux', architecture: 'amd64' },
    buildImage({ layers: [base], platform: { os: 'linux', architecture: 'amd64' } }),
  ],
  [
    { os: 'linux', architecture: 'arm64' },
    buildImage({ layers: [base], platform: { os: 'linux', architecture: 'arm64' } }),
  ],
]);

test('of an image for several platforms its own is pushed, the one that is asked for, or all', async (t) => {
  const { images } = await stocked(t, { platforms }, { platforms: ['linux/arm64', 'linux/amd64'] });
  await using registry = await startUploadRegistry();
  const reference = `${registry.address}/platforms`;
  await images.tag('other.example/platforms', reference);
  t.deepEqual((await images.push(reference)).platforms, ['linux/amd64']);
  t.deepEqual((await images.push(reference, { platform: 'linux/arm64' })).platforms, ['linux/arm64']);
  const all = await images.push(reference, { allPlatforms: true });
  t.is(all.digest, platforms.target.digest);
  t.true(isStored(registry, 'platforms', 'latest', platforms));
});

test('platforms that are not here are left out of the index, and named', async (t) => {
  const own = `linux/${hostArchitecture()}`;
  const { images } = await stocked(t, { platforms }, { platforms: [own] });
  await using registry = await startUploadRegistry();
  const reference = `${registry.address}/platforms`;
  await images.tag('other.example/platforms', reference);
  await t.throwsAsync(Promise.resolve(images.push(reference, { platform: 'linux/riscv64' })), {
    code: 'ERR_PLATFORM_NOT_FOUND',
  });
  const steps = await stepsOf(images.push(reference, { allPlatforms: true }));
  const other = own === 'linux/amd64' ? 'linux/arm64' : 'linux/amd64';
  t.true(steps.some((step) => step.type === 'warning' && step.message.includes(other)));
  const { manifests } = JSON.parse(registry.manifests.get('platforms:latest')!.bytes.toString());
  t.is(manifests.length, 1);
});

test('what is not here, and a digest, cannot be pushed', async (t) => {
  const { images } = openTestImages(temporaryFolder(t));
  await t.throwsAsync(Promise.resolve(images.push('a.example/absent')), {
    code: 'ERR_IMAGE_NOT_FOUND',
    message: /strake tag IMAGE a.example\/absent:latest/,
  });
  await t.throwsAsync(Promise.resolve(images.push(`a.example/x@${image.target.digest}`)), {
    code: 'ERR_REFERENCE_INVALID',
  });
  t.false(existsSync('a.example'));
});
