import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { LayoutFolder, openImageFile } from '../../lib/archives/index.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { contentContract } from '../contracts/content.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

contentContract('a layout in a folder', async (t) => {
  const folder = join(temporaryFolder(t), 'layout');
  const layout = await LayoutFolder.open(folder);
  await layout.publish({ mediaType: mediaTypes.ociManifest, digest: digestOf('x'), size: 1 }, undefined);
  const { source } = await openImageFile(folder, { scratch: folder, maxBytes: 1 });
  const blob = (digest: string) => join(folder, 'blobs', digest.replace(':', '/'));
  return {
    store: { put: (...call) => layout.put(...call), fetch: (...call) => source.fetch(...call) },
    has: async ({ digest }) => statSync(blob(digest), { throwIfNoEntry: false }) !== undefined,
    leftovers: async () => {
      const names = readdirSync(folder);
      return names.includes('ingest') ? readdirSync(join(folder, 'ingest')) : [];
    },
  };
});

test('others can read what is written, and nothing else is left there', async (t) => {
  const folder = join(temporaryFolder(t), 'layout');
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf('content'), size: 7 };
  {
    await using layout = await LayoutFolder.open(folder);
    await layout.put(
      descriptor,
      (async function* () {
        yield Buffer.from('content');
      })(),
    );
    await layout.publish(descriptor, 'name');
    await layout.publish(descriptor, 'name');
    await layout.publish(descriptor, undefined);
  }
  t.deepEqual(readdirSync(folder).sort(), ['blobs', 'index.json', 'oci-layout']);
  for (const file of ['index.json', 'oci-layout', `blobs/sha256/${descriptor.digest.slice(7)}`])
    t.is(statSync(join(folder, file)).mode & 0o444, 0o444);
  t.is(JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')).manifests.length, 2);
});
