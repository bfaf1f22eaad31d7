import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { digestOf } from '../../lib/oci/index.ts';
import { inPieces } from '../fixtures/archives.ts';
import { hostPlatformName, noise } from '../fixtures/image.ts';
import { tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

const tar = tarOf([{ path: 'bin/' }, { path: 'bin/tool', content: noise(100_000), mode: 0o755 }]);

test('a root file system becomes an image of one layer, from a file or a stream, packed or not', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'root.tar');
  writeFileSync(path, tar);
  writeFileSync(`${path}.gz`, gzipSync(tar));
  for (const [at, input] of [path, `${path}.gz`, inPieces(tar), inPieces(gzipSync(tar))].entries()) {
    const { images, leftovers, partials } = openTestImages(join(folder, `${at}`));
    const image = await images.import(input, { reference: 'tool:1', changes: ['CMD ["tool"]', 'ENV A=1'] });
    t.deepEqual(image.config.diffIds, [digestOf(tar)]);
    t.like(image.config.process, { cmd: ['tool'], env: ['A=1'] });
    t.is((await images.inspect('tool:1')).id, image.id);
    t.deepEqual([...leftovers(), ...partials()], []);
  }
  t.deepEqual(readFileSync(path), tar);
});

test('an image says where it came from, or what it is told to say, and may have no name', async (t) => {
  const { images } = openTestImages(temporaryFolder(t));
  const image = await images.import(inPieces(tar), { message: 'by hand', platform: 'linux/arm/v6' });
  t.is(image.config.history[0]?.comment, 'by hand');
  t.like(image.platform, { os: 'linux', architecture: 'arm', variant: 'v6' });
  t.is(image.reference, image.id);
  t.deepEqual((await images.list())[0]?.references, []);
  const plain = await images.import(inPieces(tar));
  t.is(plain.config.history[0]?.comment, 'Imported from -');
  t.true(hostPlatformName.startsWith(`${plain.platform.os}/${plain.platform.architecture}`));
});

test.serial('with SOURCE_DATE_EPOCH the same tar makes the same image', async (t) => {
  process.env.SOURCE_DATE_EPOCH = '1700000000';
  t.teardown(() => {
    delete process.env.SOURCE_DATE_EPOCH;
  });
  const first = await openTestImages(temporaryFolder(t)).images.import(inPieces(tar));
  const second = await openTestImages(temporaryFolder(t)).images.import(inPieces(tar));
  t.is(first.id, second.id);
  t.is(first.config.created, '2023-11-14T22:13:20.000Z');
});

const refused = {
  'a wrong change': [{ changes: ['RUN x'] }, tar, 'ERR_IMAGE_CHANGE_INVALID'],
  'a name with a digest': [{ reference: `x@${digestOf('x')}` }, tar, 'ERR_REFERENCE_INVALID'],
  'nothing at all': [{}, Buffer.alloc(0), 'ERR_ARCHIVE_INVALID'],
  'what is no tar': [{}, noise(5000), 'ERR_LAYER_CORRUPT'],
  'a tar that leads out of itself': [{}, tarOf([{ path: '../x', content: 'x' }]), 'ERR_LAYER_UNSAFE'],
} as const;

for (const [name, [options, bytes, code]] of Object.entries(refused)) {
  test(`refused, with nothing left: ${name}`, async (t) => {
    const { images, leftovers, names, blobs, partials } = openTestImages(temporaryFolder(t));
    await t.throwsAsync(images.import(inPieces(bytes), options), { code });
    t.deepEqual([...leftovers(), ...names(), ...blobs(), ...partials()], []);
  });
}

test.serial(
  'what says how to repeat an import must be a time, and what is no file is refused with what to do',
  async (t) => {
    const { images, leftovers } = openTestImages(temporaryFolder(t));
    process.env.SOURCE_DATE_EPOCH = 'yesterday';
    const refused = await t.throwsAsync(images.import(inPieces(tar)), { code: 'ERR_INVALID_ARGUMENT' });
    delete process.env.SOURCE_DATE_EPOCH;
    t.regex(refused.message, /SOURCE_DATE_EPOCH "yesterday": write seconds/);
    await t.throwsAsync(images.import('http://localhost/root.tar'), {
      code: 'ERR_ARCHIVE_INVALID',
      message: /pipe it from curl -L http:\/\/localhost\/root.tar/,
    });
    await t.throwsAsync(images.import(temporaryFolder(t)), { message: /it is a folder, .* pack it first/ });
    t.deepEqual(leftovers(), []);
  },
);
