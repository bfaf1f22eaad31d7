import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { EngineError } from '../../lib/errors/index.ts';
import type { PullProgress } from '../../lib/images/index.ts';
import type { Mount } from '../../lib/mount/index.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { startPullProcess } from '../fixtures/pull-process.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

const chunk = 64 * 1024;
const image = buildImage({
  layers: [
    { entries: [{ path: 'small', content: 'small' }] },
    { entries: [{ path: 'big', content: noise(3 << 20) }] },
  ],
});
const [, big] = image.layers;
const blob = big!.blob;
const isOfBig = (partial: string) => partial.endsWith(blob.digest.slice(7));
const isBig = (path: string) => path === `blobs/${blob.digest}`;

test('a pull that is killed in mid-layer leaves no name, and the next one fetches only the rest', async (t) => {
  await using registry = await startQuirkyRegistry();
  const root = temporaryFolder(t);
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path }) => (isBig(path) ? { stallAfter: 1 << 20 } : undefined);
  const pull = startPullProcess(root, reference);
  await pull.reached('downloading', 1 << 20);
  await collected(root, 1 << 20);
  await pull.kill();
  const { images, names, partials, leftovers, snapshots } = openTestImages(root);
  t.deepEqual(names(), []);
  t.true(partials().some(isOfBig));
  registry.quirk = () => undefined;
  await images.sweep();
  t.deepEqual(leftovers(), []);
  const pulled = await images.pull(reference);
  t.true((registry.served.get(blob.digest) ?? 0) <= blob.size + chunk);
  t.deepEqual([...partials(), ...leftovers()], []);
  const mount = await snapshots.view(pulled.chainId!);
  t.deepEqual(readFileSync(join(topLayer(mount), 'big')), noise(3 << 20));
});

test('whenever a pull is killed, a name stands for a whole image or for none, and the next pull succeeds', async (t) => {
  await using registry = await startQuirkyRegistry();
  const reference = registry.add(image, 'image');
  for (const status of ['waiting', 'downloading', 'unpacking', 'committing', 'done'] as const) {
    const root = temporaryFolder(t);
    const pull = startPullProcess(root, reference);
    await pull.reached(status);
    await pull.kill();
    const { images, leftovers, partials, snapshots } = openTestImages(root);
    for (const { digests } of await images.list()) {
      const { layers } = await images.inspect(digests[0]!);
      for (const { chainId } of layers) t.true(await snapshots.has(chainId), status);
    }
    t.is((await images.pull(reference)).id, image.config.digest, status);
    t.deepEqual([...leftovers(), ...partials()], [], status);
  }
});

test('a pull that is aborted keeps what arrived, names nothing, and is continued by the next one', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, names, partials, leftovers, root } = openTestImages(temporaryFolder(t));
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path }) => (isBig(path) ? { stallAfter: 1 << 20 } : undefined);
  const controller = new AbortController();
  const task = images.pull(reference, { signal: controller.signal });
  await downloaded(task, 1 << 20);
  controller.abort();
  await t.throwsAsync(async () => await task, { code: 'ERR_ABORTED' });
  t.deepEqual([...names(), ...leftovers()], []);
  t.is(statSync(join(root, partials().find(isOfBig)!)).size, 1 << 20);
  registry.quirk = () => undefined;
  await images.pull(reference);
  t.true((registry.served.get(blob.digest) ?? 0) <= blob.size + chunk);
});

test('a pull can be aborted before it begins, and while it waits for another one', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, leftovers } = openTestImages(temporaryFolder(t));
  const reference = registry.add(image, 'image');
  await t.throwsAsync(async () => images.pull(reference, { signal: AbortSignal.abort() }), {
    code: 'ERR_ABORTED',
  });
  t.deepEqual(registry.requests, []);
  const resume = deferred();
  registry.quirk = ({ path }) => (isBig(path) ? { stallAfter: 1 << 20, resume: resume.promise } : undefined);
  const first = images.pull(reference);
  await downloaded(first, 1 << 20);
  const controller = new AbortController();
  const second = images.pull(reference, { signal: controller.signal });
  for await (const step of second) if (step.type === 'layer' && step.index === 1) break;
  controller.abort();
  await t.throwsAsync(async () => await second, { code: 'ERR_ABORTED' });
  resume.resolve();
  await first;
  t.deepEqual(leftovers(), []);
});

test('a connection that is cut goes on where it stopped, as often as it brings something', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = openTestImages(temporaryFolder(t));
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path }) => (isBig(path) ? { cutAfter: 500_000 } : undefined);
  const steps: PullProgress[] = [];
  for await (const step of images.pull(reference)) steps.push(step);
  t.true(steps.some((step) => step.type === 'layer' && step.status === 'retrying'));
  const parts = registry.requests.filter(({ path }) => isBig(path));
  t.true(parts.length >= 6);
  t.true((registry.served.get(blob.digest) ?? 0) <= blob.size + parts.length * chunk);
});

test('a connection that is cut again and again without a byte fails, and keeps what arrived', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, partials, names } = openTestImages(temporaryFolder(t));
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path, offset }) => (isBig(path) ? { cutAfter: offset === 0 ? 1 << 20 : 0 } : undefined);
  const error = await t.throwsAsync<EngineError>(async () => images.pull(reference));
  t.is(error?.kind, 'unavailable');
  t.true(partials().some(isOfBig));
  t.deepEqual(names(), []);
});

test('a registry that knows no ranges still serves a continued download', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = openTestImages(temporaryFolder(t));
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path, offset }) => {
    if (!isBig(path)) return undefined;
    return offset === 0 ? { cutAfter: 1 << 20 } : { ignoreRange: true };
  };
  t.is((await images.pull(reference)).id, image.config.digest);
});

test('a partial download with wrong bytes is thrown away, and the layer is fetched once more', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, partials, root } = openTestImages(temporaryFolder(t));
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path }) => (isBig(path) ? { stallAfter: 1 << 20 } : undefined);
  const controller = new AbortController();
  const task = images.pull(reference, { signal: controller.signal });
  await downloaded(task, 1 << 20);
  controller.abort();
  await t.throwsAsync(async () => await task);
  registry.quirk = () => undefined;
  const path = join(root, partials().find(isOfBig)!);
  writeFileSync(path, noise(statSync(path).size, 7));
  t.is((await images.pull(reference)).id, image.config.digest);
  t.deepEqual(partials(), []);
});

test('two processes that pull the same image do the work once; the second one waits', async (t) => {
  await using registry = await startQuirkyRegistry();
  const root = temporaryFolder(t);
  const reference = registry.add(image, 'image');
  const resume = deferred();
  registry.quirk = ({ path }) => (isBig(path) ? { stallAfter: 1 << 20, resume: resume.promise } : undefined);
  const other = startPullProcess(root, reference);
  await other.reached('downloading', 1 << 20);
  const { images, leftovers, partials } = openTestImages(root);
  const states: string[] = [];
  for await (const step of images.pull(reference)) {
    if (step.type !== 'layer' || step.index !== 1) continue;
    states.push(step.status);
    resume.resolve();
  }
  t.deepEqual(states, ['waiting', 'exists']);
  t.is(await other.ended(), 0);
  for (const layer of image.layers) t.is(registry.served.get(layer.blob.digest), layer.blob.size);
  t.deepEqual([...leftovers(), ...partials()], []);
});

test('a process that waits for a killed one continues its download', async (t) => {
  await using registry = await startQuirkyRegistry();
  const root = temporaryFolder(t);
  const reference = registry.add(image, 'image');
  registry.quirk = ({ path, offset }) => (isBig(path) && offset === 0 ? { stallAfter: 1 << 20 } : undefined);
  const other = startPullProcess(root, reference);
  await other.reached('downloading', 1 << 20);
  await collected(root, 1 << 20);
  const task = openTestImages(root).images.pull(reference);
  for await (const step of task) if (step.type === 'layer' && step.index === 1) break;
  await other.kill();
  await task;
  t.true((registry.served.get(blob.digest) ?? 0) <= blob.size + chunk);
});

test('many pulls of one image in one process do the work once', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, leftovers, partials } = openTestImages(temporaryFolder(t));
  const reference = registry.add(image, 'image');
  const pulled = await Promise.all(Array.from({ length: 8 }, () => images.pull(reference)));
  t.is(new Set(pulled.map(({ id }) => id)).size, 1);
  for (const layer of image.layers) t.is(registry.served.get(layer.blob.digest), layer.blob.size);
  t.deepEqual([...leftovers(), ...partials()], []);
});

test('a sweep keeps fresh partial downloads and drops those of a week ago', async (t) => {
  const root = temporaryFolder(t);
  const { images, partials } = openTestImages(root);
  const folder = join(root, 'content/partial');
  const { mkdirSync } = await import('node:fs');
  mkdirSync(folder, { recursive: true });
  for (const name of ['a', 'b']) writeFileSync(join(folder, `${name.repeat(64)}.${name.repeat(64)}`), 'x');
  const weekAgo = Date.now() / 1000 - 8 * 24 * 3600;
  utimesSync(join(folder, readdirSync(folder)[0]!), weekAgo, weekAgo);
  await images.sweep();
  t.is(partials().length, 1);
  t.false(existsSync(join(root, 'images')));
});

/** Waits until the partial file has what the process has been given: a few MiB at most are on their way to it. */
async function collected(root: string, bytes: number): Promise<void> {
  const folder = join(root, 'content/partial');
  const size = () => {
    const name = readdirSync(folder).find(isOfBig);
    return name === undefined ? 0 : statSync(join(folder, name)).size;
  };
  while (size() < bytes) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function downloaded(task: AsyncIterable<PullProgress>, bytes: number): Promise<void> {
  for await (const step of task) {
    if (step.type === 'layer' && step.status === 'downloading' && step.current >= bytes) return;
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function topLayer(mount: Mount): string {
  const layer = mount.type === 'overlay' ? mount.lower[0] : undefined;
  return layer !== undefined && 'directory' in layer ? layer.directory : '';
}
