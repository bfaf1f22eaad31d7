import test, { type ExecutionContext } from 'ava';
import type { ContainerUse } from '../../lib/images/index.ts';
import { type BuiltImage, buildImage } from '../fixtures/image.ts';
import { type QuirkyRegistry, startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages, type TestImages } from '../fixtures/test-images.ts';

const base = { entries: [{ path: 'base', content: 'base' }] };
const image = buildImage({ layers: [base, { entries: [{ path: 'one', content: 'one' }] }] });
const sibling = buildImage({ layers: [base, { entries: [{ path: 'two', content: 'two' }] }] });
const [baseId, topId] = image.layers.map(({ chainId }) => chainId);

test('the last name takes the image with it: digests, documents and layers', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  const removed = await opened.images.remove(reference);
  t.deepEqual(removed, [
    { untagged: reference },
    { untagged: pinned(registry, 'image') },
    { deleted: image.config.digest },
    { deleted: topId },
    { deleted: baseId },
  ]);
  await assertEmpty(t, opened);
});

test('a name that is not the last is only taken off', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const one = await pull(opened, registry, image, 'image', 'one');
  const two = await pull(opened, registry, image, 'image', 'two');
  t.deepEqual(await opened.images.remove(one), [{ untagged: one }]);
  t.is((await opened.images.inspect(two)).id, image.config.digest);
  t.is((await opened.images.list())[0]?.references.length, 1);
});

test('layers that another image has stay', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  await pull(opened, registry, sibling, 'sibling');
  const removed = await opened.images.remove(reference);
  t.deepEqual(removed.slice(-2), [{ deleted: image.config.digest }, { deleted: topId }]);
  t.true(await opened.snapshots.has(baseId!));
  t.is((await opened.images.list()).length, 1);
});

test('an id removes its one tag with the digests; of several names it needs force', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  await pull(opened, registry, image, 'image');
  const id = image.config.digest.slice(7, 19);
  t.is((await opened.images.remove(id)).length, 5);
  await pull(opened, registry, image, 'image', 'one');
  await pull(opened, registry, image, 'other', 'one');
  await t.throwsAsync(opened.images.remove(id), {
    code: 'ERR_IMAGE_IN_USE',
    message: /multiple repositories/,
  });
  await opened.images.remove(id, { force: true });
  await assertEmpty(t, opened);
});

test('a digest is taken off alone, and is the last name when there is no tag', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  await opened.images.remove(pinned(registry, 'image'));
  t.is((await opened.images.inspect(reference)).id, image.config.digest);
  await opened.images.remove(reference);
  await assertEmpty(t, opened);
  await opened.images.pull(pinned(registry, 'image'));
  await opened.images.remove(pinned(registry, 'image'));
  await assertEmpty(t, opened);
});

test('an image that a stopped container has is removed by force only, and its layers stay for the container', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  opened.containers.push(use(false));
  await t.throwsAsync(opened.images.remove(reference), { code: 'ERR_IMAGE_IN_USE', message: /sleepy/ });
  await t.throwsAsync(opened.images.remove(image.config.digest), { code: 'ERR_IMAGE_IN_USE' });
  t.deepEqual(await opened.images.remove(reference, { force: true }), [
    { untagged: reference },
    { untagged: pinned(registry, 'image') },
  ]);
  t.true(await opened.snapshots.has(topId!));
  await opened.images.sweep();
  t.true(await opened.snapshots.has(topId!));
  opened.containers.length = 0;
  await opened.images.sweep();
  await assertEmpty(t, opened);
});

test('an image that a running container has is not removed by its id, even by force', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  opened.containers.push(use(true));
  await t.throwsAsync(opened.images.remove(image.config.digest, { force: true }), {
    code: 'ERR_IMAGE_IN_USE',
  });
  t.is((await opened.images.inspect(reference)).id, image.config.digest);
});

test("what is refused is refused in docker's words; a name of several is taken off whoever uses it", async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image', 'one');
  const id = image.config.digest.slice(7, 19);
  const refusal = async (text: string, force = false) =>
    (await t.throwsAsync(opened.images.remove(text, { force })))!.message;
  const using = (running: boolean) => opened.containers.splice(0, 1, use(running));
  for (const running of [false, true]) {
    using(running);
    const named = `conflict: unable to remove repository reference "${reference}" (must force) - container c0ffeec0ffee `;
    t.true((await refusal(reference)).startsWith(named));
    const [word, state] = running ? ['cannot', 'running'] : ['must', 'stopped'];
    const byId = `conflict: unable to delete ${id} (${word} be forced) - image is being used by ${state} container c0ffeec0ffee`;
    t.true((await refusal(id)).startsWith(byId));
  }
  t.regex(await refusal(id, true), /cannot be forced/);
  const other = await pull(opened, registry, image, 'other', 'one');
  t.regex(await refusal(id), /\(must be forced\) - image is referenced in multiple repositories/);
  t.deepEqual((await opened.images.remove(other))[0], { untagged: other });
  t.deepEqual((await opened.images.remove(reference, { force: true }))[0], { untagged: reference });
  t.true(await opened.snapshots.has(topId!));
});

test('a container of another image with the same base keeps the base', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  const other = await pull(opened, registry, sibling, 'sibling');
  opened.containers.push({
    ...use(false),
    imageId: sibling.config.digest,
    chainId: sibling.layers[1]!.chainId,
  });
  await opened.images.remove(other, { force: true });
  await opened.images.remove(reference);
  t.true(await opened.snapshots.has(sibling.layers[1]!.chainId));
  t.false(await opened.snapshots.has(topId!));
});

test('a container that is recorded during a removal keeps its layers', async (t) => {
  await using registry = await startQuirkyRegistry();
  let calls = 0;
  const late: ContainerUse[] = [];
  const listContainers = async () => {
    calls += 1;
    // Recorded when the removal has asked whether it may, and what is needed, and has hidden the layers.
    if (calls === 3) late.push(use(true));
    return late;
  };
  const opened = openTestImages(temporaryFolder(t), { listContainers });
  const reference = await pull(opened, registry, image, 'image');
  const removed = await opened.images.remove(reference);
  t.false(removed.some((step) => 'deleted' in step && step.deleted === topId));
  t.true(await opened.snapshots.has(topId!));
});

test('what is being pulled survives the removal of an image that has it too', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  const next = registry.add(sibling, 'sibling');
  let resume = () => {};
  const resumed = new Promise<void>((resolve) => {
    resume = resolve;
  });
  registry.quirk = ({ path }) =>
    path === `blobs/${sibling.layers[1]!.blob.digest}` ? { stallAfter: 10, resume: resumed } : undefined;
  const task = opened.images.pull(next);
  for await (const step of task) if (step.type === 'layer' && step.status === 'downloading') break;
  await opened.images.remove(reference);
  await opened.images.sweep();
  t.true(await opened.snapshots.has(baseId!));
  resume();
  const pulled = await task;
  t.true(await opened.snapshots.has(pulled.chainId!));
  t.true(await opened.snapshots.has(baseId!));
});

test('pulling and removing the same image at the same time ends with all of it or none', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  const reference = await pull(opened, registry, image, 'image');
  for (let round = 0; round < 10; round++) {
    const settled = await Promise.allSettled([
      opened.images.pull(reference),
      opened.images.remove(reference, { force: true }),
      opened.images.pull(reference),
    ]);
    for (const result of settled) {
      if (result.status === 'rejected') t.is(result.reason.code, 'ERR_IMAGE_NOT_FOUND');
    }
    for (const { references, digests } of await opened.images.list()) {
      for (const name of [...references, ...digests]) {
        const found = await opened.images.inspect(name);
        t.true(await opened.snapshots.has(found.chainId!), `${name} in round ${round}`);
      }
    }
  }
});

test('what is not there, or stands for several images, is not removed', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t);
  await t.throwsAsync(opened.images.remove('absent'), { code: 'ERR_IMAGE_NOT_FOUND', message: /absent/ });
  await t.throwsAsync(opened.images.inspect('abcdef'), { code: 'ERR_IMAGE_NOT_FOUND' });
  const many = Array.from({ length: 17 }, (_, at) => buildImage({ layers: [], process: { User: `${at}` } }));
  for (const [at, one] of many.entries()) await pull(opened, registry, one, `image${at}`);
  const digits = many.map(({ config }) => config.digest[7]!);
  const shared = digits.find((digit, at) => digits.indexOf(digit) !== at)!;
  await t.throwsAsync(opened.images.remove(shared), { code: 'ERR_IMAGE_AMBIGUOUS' });
  t.is((await opened.images.list()).length, 17);
});

function open(t: ExecutionContext): TestImages {
  return openTestImages(temporaryFolder(t));
}

async function pull(
  { images }: TestImages,
  registry: QuirkyRegistry,
  built: BuiltImage,
  name: string,
  tag = 'latest',
): Promise<string> {
  const reference = registry.add(built, name, tag);
  await images.pull(reference);
  return reference;
}

function pinned(registry: QuirkyRegistry, name: string): string {
  return `${registry.address}/${name}@${image.target.digest}`;
}

function use(running: boolean): ContainerUse {
  return { id: 'c0ffee'.repeat(10), name: 'sleepy', imageId: image.config.digest, chainId: topId!, running };
}

async function assertEmpty(t: ExecutionContext, opened: TestImages): Promise<void> {
  t.deepEqual(await opened.images.list(), []);
  t.deepEqual(await opened.snapshots.list(), []);
  t.deepEqual([...opened.names(), ...opened.blobs(), ...opened.leftovers(), ...opened.partials()], []);
}

test('a name that moves to another image, and one that the image gets, while it is removed, are left alone', async (t) => {
  await using registry = await startQuirkyRegistry();
  const root = temporaryFolder(t);
  const other = openTestImages(root);
  const reference = registry.add(image, 'image');
  const { id } = await other.images.pull(reference);
  const next = await other.images.pull(registry.add(sibling, 'sibling'));
  const removing = openTestImages(root, {
    listContainers: async () => {
      if ((await other.images.inspect(reference)).id === next.id) return [];
      await other.images.tag(id, 'kept');
      await other.images.tag(next.id, reference);
      return [];
    },
  });
  const removed = await removing.images.remove(reference);
  t.false(removed.some((step) => 'deleted' in step || step.untagged === reference));
  t.is((await other.images.inspect(reference)).id, next.id);
  t.is((await other.images.inspect('kept')).id, id);
});
