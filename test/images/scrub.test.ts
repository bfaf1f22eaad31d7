import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { probeErofs } from '../../bindings/probe.ts';
import type { ScrubStep } from '../../lib/images/index.ts';
import { directorySnapshotter, erofsSnapshotter } from '../../lib/snapshots/index.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { diskFolder, temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages, type TestImages } from '../fixtures/test-images.ts';

const image = buildImage({
  layers: [
    { entries: [{ path: 'etc/' }, { path: 'etc/small', content: 'small' }] },
    { entries: [{ path: 'opt/implied/big', content: noise(200_000) }, { path: 'etc/.wh.small' }] },
  ],
});
const [base, top] = image.layers;

for (const form of ['directory', 'erofs'] as const) {
  test(`${form}: a store that nothing has altered is whole, every layer and every blob of it`, async (t) => {
    await using registry = await startQuirkyRegistry();
    const opened = open(t, form);
    if (opened === null) return;
    await opened.images.pull(registry.add(image, 'image'));
    const steps: ScrubStep[] = [];
    const report = await opened.images.scrub({ onStep: (step) => steps.push(step) });
    t.deepEqual(report.problems, []);
    t.is(report.layers, 2);
    t.is(report.unverified, 0);
    t.is(steps.length, report.layers + report.blobs);
    t.deepEqual(steps.at(-1)?.done, steps.length);
    t.deepEqual(opened.leftovers(), []);
  });

  test(`${form}: a byte that changed on the disk is found, and repaired from the registry`, async (t) => {
    await using registry = await startQuirkyRegistry();
    const opened = open(t, form);
    if (opened === null) return;
    const reference = registry.add(image, 'image');
    await opened.images.pull(reference);
    flip(largestFileOf(opened));
    const { problems } = await opened.images.scrub();
    t.deepEqual(
      problems.map(({ kind, digest }) => [kind, digest]),
      [['layer', top!.chainId]],
    );
    t.true(problems[0]?.images.includes(reference));
    const repaired = await opened.images.scrub({ repair: true });
    t.deepEqual(repaired.repairs, [
      { kind: 'layer', digest: top!.chainId, repaired: true, quarantine: null },
    ]);
    t.deepEqual((await opened.images.scrub()).problems, []);
    t.is((await opened.images.inspect(reference)).id, image.config.digest);
    t.deepEqual(opened.leftovers(), []);
  });

  test(`${form}: what cannot be had again stays in quarantine, and the report says why`, async (t) => {
    const opened = open(t, form);
    if (opened === null) return;
    {
      await using registry = await startQuirkyRegistry();
      await opened.images.pull(registry.add(image, 'image'));
    }
    flip(largestFileOf(opened));
    for (const blob of opened.blobs())
      if (statSync(join(opened.root, blob)).size > 10_000) flip(join(opened.root, blob));
    const { repairs } = await opened.images.scrub({ repair: true });
    t.true(repairs.length > 0);
    for (const repair of repairs) {
      t.false(repair.repaired);
      t.truthy(repair.failure);
      t.true(statSync(repair.quarantine!).isDirectory() || statSync(repair.quarantine!).isFile());
    }
    t.false(
      (await opened.snapshots.has(top!.chainId)) && (await opened.images.scrub()).problems.length === 0,
    );
  });
}

test('a manifest that changed on the disk is found, and repaired', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t, 'directory')!;
  const reference = registry.add(image, 'image');
  await opened.images.pull(reference);
  flip(join(opened.root, 'content/blobs/sha256', image.target.digest.slice(7)));
  const { problems, repairs } = await opened.images.scrub({ repair: true });
  t.true(problems.some(({ kind, digest }) => kind === 'blob' && digest === image.target.digest));
  t.true(repairs.every(({ repaired }) => repaired));
  t.deepEqual((await opened.images.scrub()).problems, []);
});

test('a layer that is gone though an image has it is a problem', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t, 'directory')!;
  await opened.images.pull(registry.add(image, 'image'));
  await opened.snapshots.quarantine(base!.chainId);
  const { problems } = await opened.images.scrub();
  t.like(problems[0], { kind: 'layer', digest: base!.chainId, complaint: 'it is missing' });
});

test('a layer whose record is damaged is found, and repaired', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t, 'directory')!;
  const reference = registry.add(image, 'image');
  await opened.images.pull(reference);
  const record = join(opened.root, 'snapshots/directory/layers', base!.chainId.slice(7), 'layer.json');
  writeFileSync(record, '');
  const { images } = openTestImages(opened.root); // records are read once
  const { problems, repairs } = await images.scrub({ repair: true });
  t.true(problems.some(({ digest, complaint }) => digest === base!.chainId && /record/.test(complaint)));
  t.true(
    repairs.every(({ repaired }) => repaired),
    JSON.stringify(repairs),
  );
  t.deepEqual((await images.scrub()).problems, []);
});

test('a scrub can be aborted', async (t) => {
  await using registry = await startQuirkyRegistry();
  const opened = open(t, 'directory')!;
  await opened.images.pull(registry.add(image, 'image'));
  await t.throwsAsync(opened.images.scrub({ signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' });
});

/** null, and a word why, where this kernel mounts no EROFS from files. */
function open(t: ExecutionContext, form: 'directory' | 'erofs'): TestImages | null {
  const root = form === 'erofs' ? diskFolder(t) : temporaryFolder(t);
  const places = { root: join(root, 'snapshots/directory'), writable: join(root, 'containers') };
  const snapshots = form === 'erofs' ? erofsSnapshotter(places) : directorySnapshotter(places);
  const obstacle = form === 'erofs' ? probeErofs(root) : '';
  if (obstacle !== '') {
    t.log(`skipped: ${obstacle}`);
    t.pass();
    return null;
  }
  return { ...openTestImages(root, { snapshots }), snapshots };
}

/** Of the layers. */
function largestFileOf({ root }: TestImages): string {
  const layers = join(root, 'snapshots/directory/layers');
  const files = readdirSync(layers, { recursive: true, encoding: 'utf8' })
    .map((name) => join(layers, name))
    .filter((path) => statSync(path).isFile());
  return files.reduce((one, other) => (statSync(other).size > statSync(one).size ? other : one));
}

/** Alters one byte in the middle, as a disk does: the times stay. */
function flip(path: string): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}
