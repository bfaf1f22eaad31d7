import test from 'ava';
import { buildImage, buildIndex, hostArchitecture } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

const own = buildImage({ layers: [{ entries: [{ path: 'own', content: 'x' }] }] });
const arm = buildImage({
  platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
  layers: [{ entries: [{ path: 'arm', content: 'x' }] }],
});
const index = buildIndex([
  [{ os: 'linux', architecture: hostArchitecture() }, own],
  [{ os: 'linux', architecture: 'arm', variant: 'v7' }, arm],
]);

test('of a name that is here for several platforms each is found, saved under the name, and removed alone', async (t) => {
  await using registry = await startQuirkyRegistry();
  const { images } = openTestImages(temporaryFolder(t));
  const reference = registry.add(index, 'both', '1');
  await images.pull(reference, { platform: 'linux/arm/v7' });
  await t.throwsAsync(images.idOfPlatform(reference, 'linux/s390x'), { code: 'ERR_PLATFORM_NOT_FOUND' });
  await images.pull(reference);
  t.is(await images.idOfPlatform(reference, `linux/${hostArchitecture()}`), own.config.digest);
  const id = await images.idOfPlatform(reference, 'linux/arm/v7');
  t.is(id, arm.config.digest);
  t.like(await images.inspect(id), { config: { platform: { architecture: 'arm' } } });
  const other = openTestImages(temporaryFolder(t));
  const [loaded] = await other.images.load(images.save([reference], { platform: 'linux/arm/v7' }), {
    platform: 'linux/arm/v7',
  });
  t.is(loaded?.image.id, arm.config.digest);
  t.deepEqual(loaded?.references, [reference]);
  await images.remove(id);
  await t.throwsAsync(images.idOfPlatform(reference, 'linux/arm/v7'), { code: 'ERR_PLATFORM_NOT_FOUND' });
  t.is((await images.inspect(reference)).id, own.config.digest);
});
