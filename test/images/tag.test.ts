import test from 'ava';
import { inPieces } from '../fixtures/archives.ts';
import { buildImage } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

const one = buildImage({ layers: [{ entries: [{ path: 'one', content: '1' }] }] });
const two = buildImage({ layers: [{ entries: [{ path: 'two', content: '2' }] }] });

test('a tag is a further name, by any name or id, and an image goes with its last', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, snapshots } = openTestImages(temporaryFolder(t));
  const { id } = await images.pull(registry.add(one, 'one'));
  await images.tag(`${registry.address}/one`, 'mine');
  await images.tag(id.slice(7, 19), 'other/mine:v2');
  t.is((await images.inspect('mine')).id, id);
  t.is((await images.inspect('mine')).reference, 'docker.io/library/mine:latest');
  t.deepEqual((await images.list())[0]?.references, [
    `${registry.address}/one:latest`,
    'docker.io/library/mine:latest',
    'docker.io/other/mine:v2',
  ]);
  await images.remove(`${registry.address}/one`);
  await images.remove('other/mine:v2');
  t.deepEqual((await images.remove('mine')).at(-1), { deleted: one.layers[0]!.chainId });
  t.deepEqual(await snapshots.list(), []);
});

test('an image that loses its last name to another one stays without, until it is removed by id', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = openTestImages(temporaryFolder(t));
  const first = await images.pull(registry.add(one, 'one'));
  const second = await images.pull(registry.add(two, 'two'));
  await images.tag(first.id, 'kept');
  await images.remove(`${registry.address}/one`);
  await images.tag(second.id, 'kept');
  t.like(
    (await images.list()).find(({ id }) => id === first.id),
    { references: [], digests: [] },
  );
  t.deepEqual(
    (await images.remove(first.id)).map((removed) => Object.keys(removed)[0]),
    ['deleted', 'deleted'],
  );
  t.deepEqual(
    (await images.list()).map(({ id }) => id),
    [second.id],
  );
});

test('an image that was without a name is so no longer when it is tagged', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images, names } = openTestImages(temporaryFolder(t));
  const first = await images.pull(registry.add(one, 'one'));
  const second = await images.pull(registry.add(two, 'two'));
  await images.tag(first.id, 'kept');
  await images.remove(`${registry.address}/one`);
  await images.tag(second.id, 'kept');
  t.true(names().includes(`<none>@${one.target.digest}`));
  await images.tag(first.id, 'again');
  t.false(names().includes(`<none>@${one.target.digest}`));
  t.deepEqual((await images.inspect(first.id)).id, first.id);
});

test("a digest is nobody's to give, and what is not here cannot be tagged", async (t) => {
  const { images } = openTestImages(temporaryFolder(t));
  await t.throwsAsync(images.tag('nothing', 'x'), { code: 'ERR_IMAGE_NOT_FOUND' });
  await t.throwsAsync(images.tag('nothing', `x@${one.target.digest}`), {
    code: 'ERR_REFERENCE_INVALID',
    message: /refusing to create a tag with a digest reference/,
  });
});

test('a pull takes a name from an image of this machine alone, which stays without one', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = openTestImages(temporaryFolder(t));
  const reference = registry.add(one, 'one');
  const own = await images.import(inPieces(tarOf([{ path: 'own' }])), { reference });
  const pulled = await images.pull(reference);
  t.not(pulled.id, own.id);
  t.is((await images.inspect(own.id)).id, own.id);
  t.like(
    (await images.list()).find(({ id }) => id === own.id),
    { references: [], digests: [] },
  );
  await images.sweep();
  t.deepEqual((await images.scrub()).problems, []);
});
