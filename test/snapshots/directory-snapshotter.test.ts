import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { digestHex, digestOf } from '../../lib/oci/index.ts';
import { directorySnapshotter } from '../../lib/snapshots/index.ts';
import { snapshotterContract } from '../contracts/snapshotter.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

snapshotterContract('directories', async (t) => {
  const folder = temporaryFolder(t);
  const root = join(folder, 'snapshots');
  const reopen = () => directorySnapshotter({ root, writable: join(folder, 'containers') });
  const namesIn = (name: string) => (existsSync(join(root, name)) ? readdirSync(join(root, name)) : []);
  return { layers: reopen(), reopen, leftovers: () => [...namesIn('ingest'), ...namesIn('removed')] };
});

test("a writable layer lies in its owner's directory, whose other files stay when it goes", async (t) => {
  const folder = temporaryFolder(t);
  const layers = directorySnapshotter({ root: join(folder, 'layers'), writable: join(folder, 'containers') });
  mkdirSync(join(folder, 'containers/one'), { recursive: true });
  writeFileSync(join(folder, 'containers/one/record.json'), '{}');
  await layers.prepare('one', null);
  t.deepEqual(readdirSync(join(folder, 'containers/one')), ['record.json', 'upper', 'work']);
  await layers.discard('one');
  t.deepEqual(readdirSync(join(folder, 'containers/one')), ['record.json']);
});

test('nobody but root reaches a set-uid file in a committed layer', async (t) => {
  const folder = temporaryFolder(t);
  const layers = directorySnapshotter({ root: folder, writable: folder });
  const diffId = digestOf('layer');
  await using ingest = await layers.ingest(diffId);
  await ingest.stage({ parent: null, diffId, gaps: { implied: [], links: [] }, bytes: 0 });
  await ingest.commit();
  t.is(statSync(join(folder, 'layers', digestHex(diffId))).mode & 0o777, 0o700);
});

test('a sweep takes back a removal that a crash cut short', async (t) => {
  const folder = temporaryFolder(t);
  const layers = directorySnapshotter({ root: folder, writable: folder });
  const diffId = digestOf('layer');
  {
    await using ingest = await layers.ingest(diffId);
    await ingest.stage({ parent: null, diffId, gaps: { implied: [], links: [] }, bytes: 0 });
    await ingest.commit();
  }
  mkdirSync(join(folder, 'removed'));
  renameSync(join(folder, 'layers', digestHex(diffId)), join(folder, 'removed', digestHex(diffId)));
  await layers.sweep();
  t.true(await layers.has(diffId));
  t.deepEqual(readdirSync(join(folder, 'removed')), []);
});

test('no tar is kept of a layer that is a directory', async (t) => {
  const folder = temporaryFolder(t);
  const layers = directorySnapshotter({ root: folder, writable: folder });
  const diffId = digestOf('layer');
  await t.throwsAsync(layers.tar(diffId), { code: 'ERR_LAYER_NOT_FOUND' });
  await using ingest = await layers.ingest(diffId);
  await ingest.stage({ parent: null, diffId, gaps: { implied: [], links: [] }, bytes: 0 });
  await ingest.commit();
  t.is(await layers.tar(diffId), null);
});
