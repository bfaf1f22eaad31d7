import { writeFileSync } from 'node:fs';
import test from 'ava';
import { digestOf } from '../../lib/oci/index.ts';
import { dockerArchive, inPieces } from '../fixtures/archives.ts';
import { buildImage } from '../fixtures/image.ts';
import { tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

const tar = tarOf([{ path: 'own', content: 'own' }]);

for (const [what, entries] of [
  ['a layer', 1],
  ['a container without changes', 0],
] as const) {
  test(`${what} makes no image upon one that is removed meanwhile, and leaves nothing`, async (t) => {
    const { images, names, leftovers } = openTestImages(temporaryFolder(t));
    const base = await images.import(inPieces(tarOf([{ path: 'base' }])), { reference: 'base:1' });
    const adding = images.addLayer({
      base: base.manifest,
      reference: 'made:1',
      process: base.config.process,
      createdBy: 'sh',
      created: '2024-01-01T00:00:00Z',
      writeLayer: async (path) => {
        await images.remove('base:1');
        writeFileSync(path, tar);
        return { digest: digestOf(tar), size: tar.length, entries };
      },
    });
    await t.throwsAsync(adding, { code: 'ERR_IMAGE_NOT_FOUND', message: /removed meanwhile: pull it/ });
    t.deepEqual([...names(), ...leftovers()], []);
  });
}

test('as many layers as overlayfs stacks are loaded, and no further one is put upon them', async (t) => {
  const { images, names, leftovers } = openTestImages(temporaryFolder(t));
  const layers = Array.from({ length: 500 }, (_, at) => ({
    entries: [{ path: `file${at}`, content: `${at}` }],
    compression: 'none' as const,
  }));
  const archive = dockerArchive({ image: buildImage({ layers }), names: ['full:1'] });
  const warnings: string[] = [];
  const warned = ({ message }: Error) => warnings.push(message);
  process.on('warning', warned);
  t.teardown(() => process.off('warning', warned));
  const [full] = await images.load(inPieces(archive, 1 << 20));
  const adding = images.addLayer({
    base: full!.image.manifest,
    reference: 'fuller:1',
    process: full!.image.config.process,
    createdBy: 'sh',
    created: '2024-01-01T00:00:00Z',
    writeLayer: async (path) => {
      writeFileSync(path, tar);
      return { digest: digestOf(tar), size: tar.length, entries: 1 };
    },
  });
  await t.throwsAsync(adding, {
    code: 'ERR_INVALID_ARGUMENT',
    message: /it has 500, .* at most 500; export/,
  });
  t.is(names().length, 1);
  t.deepEqual(leftovers(), []);
  t.deepEqual(warnings, []);
});
