import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { defaultConfig } from '../../lib/config/index.ts';
import { type ManifestLists, openManifestLists } from '../../lib/manifests/index.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { openRemoteRepository, openRemoteSink } from '../../lib/registry-client/index.ts';
import { type BuiltImage, buildImage, buildIndex, noise } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startUploadRegistry, type UploadRegistry } from '../fixtures/upload-registry.ts';

const layer = { entries: [{ path: 'shared', content: noise(6_000_000) }] };
const imageFor = (architecture: string, docker = false): BuiltImage =>
  buildImage({ layers: [layer], platform: { os: 'linux', architecture }, docker });
const [amd64, arm64] = [imageFor('amd64'), imageFor('arm64')];

function openLists(t: ExecutionContext): ManifestLists & { folder: string } {
  const folder = join(temporaryFolder(t), 'manifests');
  const options = { config: defaultConfig, env: {}, retry: { attempts: 3, baseDelay: 5 } };
  const lists = openManifestLists({
    folder,
    openRepository: async (reference) => openRemoteRepository(reference, options),
    openSink: async (reference, { mountFrom }) => openRemoteSink(reference, { ...options, mountFrom }),
  });
  return { ...lists, folder };
}

function put(registry: UploadRegistry, path: string, tag: string, image: BuiltImage): string {
  for (const [digest, { bytes, mediaType }] of image.blobs) {
    if (mediaType.includes('manifest') || mediaType.includes('index'))
      registry.manifests.set(`${path}@${digest}`, { mediaType, bytes });
    else registry.blobs.set(`${path}@${digest}`, bytes);
  }
  registry.manifests.set(`${path}:${tag}`, {
    mediaType: image.target.mediaType,
    bytes: image.blobs.get(image.target.digest)!.bytes,
  });
  return `${registry.address}/${path}:${tag}`;
}

test('a list of images of one repository is made, pushed by its tag, and purged', async (t) => {
  await using registry = await startUploadRegistry();
  const images = [put(registry, 'app', 'amd', amd64), put(registry, 'app', 'arm', arm64)];
  const lists = openLists(t);
  const reference = `${registry.address}/app:latest`;
  t.is(await lists.create(reference, images), reference);
  const { digest, size } = await lists.push(reference, { purge: true });
  const pushed = registry.manifests.get('app:latest')!;
  t.is(digestOf(pushed.bytes), digest);
  t.is(pushed.bytes.length, size);
  t.is(pushed.mediaType, mediaTypes.ociIndex);
  const { manifests } = JSON.parse(pushed.bytes.toString());
  t.like(manifests, [
    { digest: amd64!.target.digest, platform: { os: 'linux', architecture: 'amd64' } },
    { digest: arm64!.target.digest, platform: { os: 'linux', architecture: 'arm64' } },
  ]);
  t.deepEqual(readdirSync(lists.folder), []);
  await t.throwsAsync(lists.push(reference), { code: 'ERR_MANIFEST_LIST_NOT_FOUND' });
});

test('images of other repositories are mounted, of other registries copied', async (t) => {
  await using registry = await startUploadRegistry();
  await using elsewhere = await startQuirkyRegistry();
  const lists = openLists(t);
  const reference = `${registry.address}/app:v1`;
  let cuts = 0;
  registry.quirk = ({ step }) => (step === 'piece' && cuts++ === 0 ? { cutAfter: 1_000_000 } : undefined);
  const other = buildImage({ layers: [{ entries: [{ path: 'x', content: noise(5_500_000, 9) }] }] });
  await lists.create(reference, [put(registry, 'near', 'amd', amd64), elsewhere.add(other, 'far')]);
  await lists.push(reference);
  t.true(registry.steps('mount').length > 0);
  for (const digest of [...amd64!.blobs.keys(), ...other.blobs.keys()])
    t.true(registry.blobs.has(`app@${digest}`) || registry.manifests.has(`app@${digest}`));
  t.is(registry.steps('piece').length, 2);
});

test("a list of Docker's manifests is Docker's; one that is given as a list brings all that it has", async (t) => {
  await using registry = await startUploadRegistry();
  const docker = [imageFor('amd64', true), imageFor('arm64', true)] as const;
  const index = buildIndex(
    docker.map((image, at) => [{ os: 'linux', architecture: at === 0 ? 'amd64' : 'arm64' }, image]),
    { docker: true },
  );
  const lists = openLists(t);
  await lists.create(`${registry.address}/app:v2`, [put(registry, 'app', 'v1', index)]);
  await lists.push(`${registry.address}/app:v2`);
  const pushed = registry.manifests.get('app:v2')!;
  t.is(pushed.mediaType, mediaTypes.dockerManifestList);
  t.is(JSON.parse(pushed.bytes.toString()).manifests.length, 2);
});

test('a draft is amended and annotated, shown and removed', async (t) => {
  await using registry = await startUploadRegistry();
  const [amd, arm] = [put(registry, 'app', 'amd', amd64), put(registry, 'app', 'arm', arm64)];
  const lists = openLists(t);
  const reference = `${registry.address}/app:latest`;
  await lists.create(reference, [amd]);
  await t.throwsAsync(lists.create(reference, [arm]), {
    code: 'ERR_MANIFEST_LIST_EXISTS',
    message: /--amend/,
  });
  await lists.create(reference, [arm, amd], { amend: true });
  await lists.annotate(reference, arm, { architecture: 'arm', variant: 'v7', osVersion: '1.2' });
  const { bytes, children } = await lists.inspect(reference, { children: true });
  const { manifests } = JSON.parse(bytes.toString());
  t.is(manifests.length, 2);
  t.deepEqual(manifests[0].platform, {
    architecture: 'arm',
    os: 'linux',
    'os.version': '1.2',
    variant: 'v7',
  });
  t.deepEqual(
    children.map(({ reference }) => reference.split('@')[1]),
    [arm64, amd64].map((one) => one!.target.digest),
  );
  await t.throwsAsync(
    lists.annotate(reference, put(registry, 'app', 'x', imageFor('s390x')), { os: 'linux' }),
    {
      code: 'ERR_IMAGE_NOT_FOUND',
    },
  );
  await lists.remove(reference);
  await t.throwsAsync(lists.remove(reference), { code: 'ERR_MANIFEST_LIST_NOT_FOUND' });
});

test('what a registry has is shown as it is, and what it has not is named', async (t) => {
  await using registry = await startUploadRegistry();
  const reference = put(registry, 'app', 'amd', amd64);
  const lists = openLists(t);
  const found = await lists.inspect(reference, { children: true });
  t.is(digestOf(found.bytes), amd64!.target.digest);
  t.deepEqual(found.children, []);
  t.false(existsSync(lists.folder));
  await t.throwsAsync(lists.create(`${registry.address}/app:l`, [`${registry.address}/app:no`]), {
    code: 'ERR_MANIFEST_NOT_FOUND',
  });
  await t.throwsAsync(lists.create(`${registry.address}/a@${amd64!.target.digest}`, [reference]), {
    code: 'ERR_REFERENCE_INVALID',
  });
});

test('skopeo reads a list from a real registry, and copies every platform of it', async (t) => {
  await using registry = await startRegistry();
  await using source = await startQuirkyRegistry();
  const lists = openLists(t);
  const reference = `${registry.address}/app:latest`;
  await lists.create(reference, [source.add(amd64!, 'amd'), source.add(arm64!, 'arm')]);
  const { digest } = await lists.push(reference);
  const raw = await mustRun('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${reference}`]);
  t.is(digestOf(raw), digest);
  const target = `oci:${temporaryFolder(t)}:all`;
  await mustRun('skopeo', [
    '--insecure-policy',
    'copy',
    '-q',
    '--all',
    '--src-tls-verify=false',
    `docker://${reference}`,
    target,
  ]);
});
