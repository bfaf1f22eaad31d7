import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ArchiveFormat } from '../../lib/images/index.ts';
import { dockerArchive, inPieces, ociArchive } from '../fixtures/archives.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages, type TestImages } from '../fixtures/test-images.ts';

const base = { entries: [{ path: 'base', content: noise(300_000) }] };
const one = buildImage({
  process: { Cmd: ['one'] },
  layers: [base, { entries: [{ path: 'one', content: '1' }], compression: 'zstd' }],
});
const two = buildImage({
  process: { Cmd: ['two'] },
  layers: [base, { entries: [{ path: 'two', content: '2' }], compression: 'none' }],
});

async function stocked(folder: string): Promise<TestImages> {
  const store = openTestImages(folder, { keepCompressed: true });
  await store.images.load(
    inPieces(
      ociArchive(
        { image: one, names: ['app:1', 'app:2', 'reg.example/x/app:1'] },
        { image: two, names: ['two:1'] },
      ),
    ),
  );
  return store;
}

async function saved(store: TestImages, names: string[], format: ArchiveFormat): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.images.save(names, { format })) pieces.push(piece);
  return Buffer.concat(pieces);
}

const formats: readonly ArchiveFormat[] = ['docker-archive', 'oci-archive'];

for (const format of formats) {
  test(`${format}: what is saved is loaded again, with its names, and is the same bytes every time`, async (t) => {
    const folder = temporaryFolder(t);
    const store = await stocked(join(folder, 'from'));
    const bytes = await saved(store, ['app:1', 'two:1', 'app:2'], format);
    t.deepEqual(await saved(store, ['app:1', 'two:1', 'app:2'], format), bytes);
    t.deepEqual(store.leftovers(), []);
    const other = openTestImages(join(folder, 'to'), { keepCompressed: true });
    const loaded = await other.images.load(inPieces(bytes));
    t.deepEqual(
      loaded.map(({ image, references }) => [image.id, references]),
      [
        [one.config.digest, ['docker.io/library/app:1', 'docker.io/library/app:2']],
        [two.config.digest, ['docker.io/library/two:1']],
      ],
    );
    t.deepEqual(await saved(other, ['app:1', 'two:1', 'app:2'], format), bytes);
  });

  test(`${format}: a repository stands for all of its tags, an id for the image without a name`, async (t) => {
    const folder = temporaryFolder(t);
    const store = await stocked(join(folder, 'from'));
    const namesOf = async (names: string[]) => {
      const other = openTestImages(join(folder, `to-${names.join('')}`));
      return (await other.images.load(inPieces(await saved(store, names, format)))).map(
        ({ references }) => references,
      );
    };
    t.deepEqual(await namesOf(['app']), [['docker.io/library/app:1', 'docker.io/library/app:2']]);
    t.deepEqual(await namesOf([one.config.digest.slice(7, 20)]), [[]]);
    t.deepEqual(await namesOf([one.config.digest, 'reg.example/x/app:1']), [['reg.example/x/app:1']]);
  });

  test(`${format}: a layer that the disk has altered is not saved`, async (t) => {
    const store = await stocked(temporaryFolder(t));
    const path = join(store.root, 'content/blobs/sha256', one.layers[0]!.blob.digest.slice(7));
    const bytes = readFileSync(path);
    bytes[bytes.length - 9]! ^= 1;
    writeFileSync(path, bytes);
    await t.throwsAsync(saved(store, ['app:1'], format));
    t.deepEqual(store.leftovers(), []);
  });
}

test('an OCI archive has the manifests and layers as they were pulled', async (t) => {
  const folder = temporaryFolder(t);
  const store = await stocked(join(folder, 'from'));
  const other = openTestImages(join(folder, 'to'));
  const [loaded] = await other.images.load(inPieces(await saved(store, ['app:1'], 'oci-archive')));
  t.is(loaded?.image.manifest.digest, one.target.digest);
});

test('a docker-archive is an OCI layout as well, and its layers are plain tars', async (t) => {
  const folder = temporaryFolder(t);
  const store = await stocked(join(folder, 'from'));
  const archive = await saved(store, ['app:1', two.config.digest], 'docker-archive');
  await mustRun('tar', ['-x', '-C', folder], { input: archive });
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const layers = (image: typeof one) => image.layers.map(({ diffId }) => `blobs/sha256/${diffId.slice(7)}`);
  t.deepEqual(read('manifest.json'), [
    { Config: `blobs/sha256/${one.config.digest.slice(7)}`, RepoTags: ['app:1'], Layers: layers(one) },
    { Config: `blobs/sha256/${two.config.digest.slice(7)}`, RepoTags: null, Layers: layers(two) },
  ]);
  t.deepEqual(read('repositories'), { app: { 1: one.layers[1]!.diffId.slice(7) } });
  t.like(read('index.json').manifests[0].annotations, {
    'io.containerd.image.name': 'docker.io/library/app:1',
    'org.opencontainers.image.ref.name': '1',
  });
  for (const layer of [...layers(one), ...layers(two)])
    t.is((await mustRun('sha256sum', [join(folder, layer)])).slice(0, 64), layer.slice(-64));
});

test('what is not here is not saved, and nothing is given of it', async (t) => {
  const store = await stocked(temporaryFolder(t));
  for (const names of [['nothing'], ['app:1', 'app:9']]) {
    await t.throwsAsync(saved(store, names, 'docker-archive'), { code: 'ERR_IMAGE_NOT_FOUND' });
  }
});

test('an image whose layers were not kept says what to do', async (t) => {
  const store = openTestImages(temporaryFolder(t), { keepCompressed: false });
  await store.images.load(inPieces(ociArchive({ image: one, names: ['app:1'] })));
  if (store.snapshots.keepsTars) return t.pass();
  await t.throwsAsync(saved(store, ['app:1'], 'docker-archive'), { code: 'ERR_LAYER_BYTES_MISSING' });
});

test('whoever leaves early or aborts leaves nothing', async (t) => {
  const store = await stocked(temporaryFolder(t));
  for await (const piece of store.images.save(['app'])) {
    t.true(piece.length > 0);
    break;
  }
  const abort = new AbortController();
  const aborted = async () => {
    for await (const _ of store.images.save(['app'], { signal: abort.signal })) abort.abort();
  };
  await t.throwsAsync(aborted(), { code: 'ERR_ABORTED' });
  t.deepEqual(store.leftovers(), []);
});

test('what is being saved is not removed from under it', async (t) => {
  const store = await stocked(temporaryFolder(t));
  const whole = await saved(store, ['two:1'], 'docker-archive');
  const pieces: Uint8Array[] = [];
  for await (const piece of store.images.save(['two:1'])) {
    if (pieces.length === 0) await store.images.remove('two:1');
    pieces.push(piece);
  }
  t.deepEqual(Buffer.concat(pieces), whole);
  await store.images.sweep();
  t.false(readdirSync(join(store.root, 'content/blobs/sha256')).includes(two.config.digest.slice(7)));
});

test('an image that came as a docker-archive is saved as the same one again', async (t) => {
  const store = openTestImages(temporaryFolder(t));
  await store.images.load(inPieces(dockerArchive({ image: two, names: ['two:1'] })));
  const first = await saved(store, ['two:1'], 'docker-archive');
  const other = openTestImages(temporaryFolder(t));
  const [before] = await store.images.list();
  await other.images.load(inPieces(first));
  t.deepEqual(await saved(other, ['two:1'], 'docker-archive'), first);
  t.is((await other.images.list())[0]?.id, before?.id);
});
