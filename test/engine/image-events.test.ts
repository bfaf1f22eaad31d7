import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { lazyImages } from '../../lib/engine/lazy-images.ts';
import type { EventJournal } from '../../lib/events/index.ts';
import { ociArchive } from '../fixtures/archives.ts';
import { buildImage } from '../fixtures/image.ts';
import { tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';
import { startUploadRegistry } from '../fixtures/upload-registry.ts';

const image = buildImage({ layers: [{ entries: [{ path: 'file', content: 'x' }] }] });

test("what is done to images is told by docker's names, and what fails is not", async (t) => {
  await using registry = await startUploadRegistry();
  const folder = temporaryFolder(t);
  const told: string[] = [];
  const emit = ({ type, action, id, attributes = {} }: Parameters<EventJournal['emit']>[0]) =>
    void told.push([type, action, id, attributes.name ?? attributes.reclaimed ?? ''].join(' '));
  const images = lazyImages({ emit }, async () => openTestImages(join(folder, 'root')).images);
  const archive = join(folder, 'a.tar');
  writeFileSync(archive, ociArchive({ image, names: ['one:1'] }));
  const { digest: id } = image.config;
  const [one, two] = ['docker.io/library/one:1', `${registry.address}/two:2`];
  await images.load(archive);
  await images.tag('one:1', two);
  await images.push(two);
  for await (const _ of images.save(['one:1']));
  t.deepEqual(told.splice(0), [
    `image load ${id} ${one}`,
    `image tag ${id} ${two}`,
    `image push ${two} ${two}`,
    'image save one:1 one:1',
  ]);
  await images.remove(two);
  await images.prune({ all: true });
  const gone = [`image untag ${two} `, `image untag ${one} `, `image delete ${id} `];
  t.deepEqual(told.filter((line) => !line.includes('@')).slice(0, 3), gone);
  t.regex(told.at(-1) ?? '', /^image prune {2}[1-9][0-9]*$/);
  told.length = 0;
  const made = await images.import(writeRoot(folder), { reference: 'made:1' });
  t.deepEqual(told.splice(0), [`image import ${made.id} docker.io/library/made:1`]);
  await t.throwsAsync(images.tag('absent', 'x:1'), { code: 'ERR_IMAGE_NOT_FOUND' });
  t.deepEqual(told, []);
});

function writeRoot(folder: string): string {
  const path = join(folder, 'root.tar');
  writeFileSync(path, tarOf([{ path: 'f', content: 'f' }]));
  return path;
}
