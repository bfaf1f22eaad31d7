import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { BlobStore } from '../../lib/content/index.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { startPullProcess } from '../fixtures/pull-process.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages, type TestImages } from '../fixtures/test-images.ts';

const base = { entries: [{ path: 'base', content: noise(100_000) }] };
const image = buildImage({
  layers: [base, { entries: [{ path: 'own', content: noise(50_000, 2) }] }],
  process: { Labels: { kind: 'one' } },
});
const sibling = buildImage({ layers: [base, { entries: [{ path: 'other', content: noise(20_000, 3) }] }] });

test('a prune takes what has no tag, with `all` what no container has, and leaves nothing of it', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const [one, two] = [registry.add(image, 'image'), registry.add(sibling, 'sibling')];
  await opened.images.pull(one);
  await opened.images.pull(two);
  await opened.images.pull(registry.add(sibling, 'image')); // takes the name of the first
  t.deepEqual((await opened.images.prune({ filter: () => false })).removed, []);
  const dangling = await opened.images.prune();
  t.true(dangling.removed.some((step) => 'deleted' in step && step.deleted === image.config.digest));
  t.true(dangling.bytes >= 50_000 && dangling.bytes < 400_000);
  opened.containers.push({
    id: 'c',
    name: 'c',
    running: false,
    imageId: sibling.config.digest,
    chainId: sibling.layers[1]!.chainId,
  });
  t.deepEqual((await opened.images.prune({ all: true })).removed, []);
  opened.containers.length = 0;
  const all = await opened.images.prune({ all: true });
  t.true(all.removed.length >= 4);
  assertNothing(t, opened);
  t.deepEqual(await opened.images.prune({ all: true }), { removed: [], bytes: 0 });
});

test('with `all` what an interrupted pull has left goes too, but for one that goes on', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = registry.add(image, 'image');
  const blob = image.layers[0]!.blob.digest;
  registry.quirk = ({ path }) => (path === `blobs/${blob}` ? { stallAfter: 60_000 } : undefined);
  const dead = startPullProcess(opened.root, reference);
  await dead.reached('downloading', 1);
  await dead.kill();
  await opened.images.prune();
  t.true(opened.partials().length > 0, 'somebody may continue it');
  t.true((await opened.images.prune({ all: true })).bytes >= 0);
  assertNothing(t, opened);
  const living = startPullProcess(opened.root, reference);
  await living.reached('downloading', 1);
  await opened.images.prune({ all: true });
  t.true(opened.partials().length > 0, 'it is being continued');
  await living.kill();
});

test('with `all` what a scrub has put into quarantine goes, and not without', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  await opened.images.pull(registry.add(image, 'image'));
  await opened.snapshots.quarantine(image.layers[1]!.chainId);
  await new BlobStore(join(opened.root, 'content')).quarantine(image.layers[0]!.blob.digest);
  await opened.images.prune();
  t.is(readdirSync(join(opened.root, 'content/quarantine')).length, 1);
  await opened.images.prune({ all: true });
  t.false(existsSync(join(opened.root, 'content/quarantine')));
  t.false(existsSync(join(opened.root, 'snapshots/directory/quarantine')));
  assertNothing(t, opened);
});

test('pulls and prunes at the same time end with images that are whole', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const other = openTestImages(opened.root);
  const references = [registry.add(image, 'image'), registry.add(sibling, 'sibling')];
  for (let round = 0; round < 8; round++) {
    await Promise.all([
      ...references.map((reference) => opened.images.pull(reference)),
      opened.images.prune({ all: true }),
      other.images.prune({ all: true }),
    ]);
    t.deepEqual((await opened.images.scrub()).problems, [], `round ${round}`);
    await Promise.all([opened.images.prune({ all: true }), other.images.prune({ all: true })]);
    assertNothing(t, opened);
  }
});

test('an image that gets a name while a prune decides keeps it, and a name that moves away stays moved', async (t) => {
  await using registry = await startQuirkyRegistry();
  const root = temporaryFolder(t);
  const other = openTestImages(root);
  const reference = registry.add(image, 'image');
  const { id } = await other.images.pull(reference);
  const moved = await other.images.pull(registry.add(sibling, 'sibling'));
  await other.images.tag(moved.id, 'moving');
  let meanwhile = async () => {};
  const pruning = openTestImages(root, {
    listContainers: async () => {
      const now = meanwhile;
      meanwhile = async () => {};
      await now();
      return [{ id: 'c', name: 'c', running: false, imageId: moved.id, chainId: null }];
    },
  });
  meanwhile = async () => {
    await other.images.tag(id, 'kept');
    await other.images.tag(moved.id, reference);
  };
  const { removed } = await pruning.images.prune({ all: true });
  t.false(removed.some((step) => 'deleted' in step && step.deleted === id));
  t.is((await other.images.inspect('kept')).id, id);
  t.is((await other.images.inspect(reference)).id, moved.id);
  t.deepEqual((await other.images.scrub()).problems, []);
});

test('what images take adds up to what is on the disk, shared parts once', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  await opened.images.pull(registry.add(image, 'image'));
  await opened.images.pull(registry.add(sibling, 'sibling'));
  const usage = await opened.images.usage();
  const [one, two] = usage.images;
  t.is(usage.images.length, 2);
  for (const each of usage.images) t.is(each.size, each.sharedSize + each.uniqueSize);
  t.is(one!.sharedSize, two!.sharedSize);
  t.true(one!.sharedSize >= 100_000);
  t.is(usage.size, one!.sharedSize + one!.uniqueSize + two!.uniqueSize);
  t.is(usage.reclaimable, usage.size);
  t.is((await opened.images.prune({ all: true })).bytes, usage.size);
});

test('a history is told from the newest step on, with what each layer takes', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const told = buildImage({
    layers: [base, { entries: [{ path: 'own', content: 'own' }] }],
    alterConfig: (config) => ({
      ...config,
      history: [
        { created: '2024-01-01T00:00:00Z', created_by: 'base' },
        { created_by: 'CMD', empty_layer: true },
        { created_by: 'COPY own', comment: 'last' },
      ],
    }),
  });
  const reference = registry.add(told, 'told');
  await opened.images.pull(reference);
  const steps = await opened.images.history(reference);
  t.deepEqual(
    steps.map(({ id, createdBy, emptyLayer }) => [id, createdBy, emptyLayer]),
    [
      [told.config.digest, 'COPY own', false],
      [null, 'CMD', true],
      [null, 'base', false],
    ],
  );
  t.is(steps[1]!.size, 0);
  t.true(steps[2]!.size >= 100_000);
});

test('after pulls, runs and prunes the disk is what it was before', async (t) => {
  await using registry = await startQuirkyRegistry();
  const folder = temporaryFolder(t);
  const references = [registry.add(image, 'image'), registry.add(sibling, 'sibling')];
  // A file system of its own in a file, mounted for this program alone.
  const script =
    'truncate -s 64m "$1/disk" && mkfs.ext4 -q "$1/disk" && mkdir "$1/mnt" && mount -o loop "$1/disk" "$1/mnt" && shift 1 && exec "$@"';
  const program = fileURLToPath(new URL('../fixtures/prune-program.ts', import.meta.url));
  const argv = ['-m', 'sh', '-ec', script, 'sh', folder];
  const { code, stdout, stderr } = await runProgram('unshare', [
    ...argv,
    ...[process.execPath, '--import=tsx', program, join(folder, 'mnt/root'), ...references],
  ]);
  t.is(code, 0, stderr);
  const { before, between, after, files } = JSON.parse(stdout);
  t.true(between > before + 150_000, 'images take something');
  t.deepEqual(files.after, files.before);
  t.true(Math.abs(after - before) <= 16 * 4096, `${after - before} bytes more than before`);
});

function open(t: ExecutionContext): TestImages {
  return openTestImages(temporaryFolder(t));
}

function assertNothing(t: ExecutionContext, opened: TestImages): void {
  t.deepEqual([...opened.names(), ...opened.blobs(), ...opened.partials(), ...opened.leftovers()], []);
  const layers = join(opened.root, 'snapshots/directory/layers');
  t.deepEqual(existsSync(layers) ? readdirSync(layers) : [], []);
}
