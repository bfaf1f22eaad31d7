import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { listLayerChanges } from '../../bindings/layer.ts';
import { nativeFile } from '../../bindings/load.ts';
import { probeErofs } from '../../bindings/probe.ts';
import type { Mount } from '../../lib/mount/index.ts';
import { chainIds, digestHex, digestOf } from '../../lib/oci/index.ts';
import {
  directorySnapshotter,
  erofsSnapshotter,
  openSnapshotter,
  type Snapshotter,
} from '../../lib/snapshots/index.ts';
import { snapshotterContract } from '../contracts/snapshotter.ts';
import { commitTar } from '../fixtures/commit-tar.ts';
import { inMount } from '../fixtures/in-mount.ts';
import { tarOf } from '../fixtures/tar.ts';
import { diskFolder, temporaryFolder } from '../fixtures/temporary-folder.ts';

const erofsTest = probeErofs('/var/tmp') === '' ? test : test.skip;

snapshotterContract('directories', async (t) => tested(temporaryFolder(t), directorySnapshotter));
if (erofsTest === test) snapshotterContract('erofs', async (t) => tested(diskFolder(t), erofsSnapshotter));
else test.skip(`erofs: ${probeErofs('/var/tmp')}`, () => {});

function tested(folder: string, open: typeof erofsSnapshotter) {
  const root = join(folder, 'snapshots');
  const reopen = (): Snapshotter => open({ root, writable: join(folder, 'containers') });
  const namesIn = (name: string) => (existsSync(join(root, name)) ? readdirSync(join(root, name)) : []);
  return { layers: reopen(), reopen, leftovers: () => [...namesIn('ingest'), ...namesIn('removed')] };
}

erofsTest('a layer that is EROFS is its tar and an index', async (t) => {
  const folder = diskFolder(t);
  const layers = erofsSnapshotter({ root: folder, writable: folder });
  const tar = tarOf([{ path: 'file', content: 'x' }]);
  const chainId = digestOf(tar);
  await commitTar(layers, chainId, null, tar);
  const path = join(folder, 'layers', digestHex(chainId));
  t.deepEqual(readdirSync(path).sort(), ['index.erofs', 'layer.json', 'tar']);
  t.deepEqual(await layers.tar(chainId), { path: join(path, 'tar'), size: tar.length });
  t.deepEqual(readFileSync(join(path, 'tar')), tar);
  t.is((await layers.stat(chainId)).size, tar.length + statSync(join(path, 'index.erofs')).size);
});

erofsTest('layers of both kinds lie one above the other', async (t) => {
  const folder = diskFolder(t);
  const options = { root: folder, writable: join(folder, 'containers') };
  const tars = [
    tarOf([{ path: 'etc/', uid: 3 }, { path: 'etc/one', content: '1' }, { path: 'gone' }]),
    tarOf([{ path: 'etc/two', content: '2' }, { path: '.wh.gone' }, { path: 'link', linkTo: 'etc/one' }]),
    tarOf([
      { path: 'etc/three', content: '3' },
      { path: 'other', linkTo: 'etc/two' },
    ]),
  ];
  const chain = chainIds(tars.map((tar) => digestOf(tar)));
  const kinds = [directorySnapshotter, erofsSnapshotter, directorySnapshotter];
  for (const [at, tar] of tars.entries())
    await commitTar(kinds[at]!(options), chain[at]!, chain[at - 1] ?? null, tar);
  const mount = await directorySnapshotter(options).prepare('one', chain[2]!);
  t.is(
    inMount(mount, 'ls; cat etc/one etc/two etc/three link other; stat -c %u etc'),
    'etc\nlink\nother\n123123\n',
  );
});

erofsTest('a chain of 140 layers is mounted', async (t) => {
  const folder = diskFolder(t);
  const layers = erofsSnapshotter({ root: folder, writable: join(folder, 'containers') });
  const tars = Array.from({ length: 140 }, (_, at) => tarOf([{ path: `file${at}`, content: `${at} ` }]));
  const chain = chainIds(tars.map((tar) => digestOf(tar)));
  for (const [at, tar] of tars.entries()) await commitTar(layers, chain[at]!, chain[at - 1] ?? null, tar);
  const below = await layers.view(chain.at(-1)!);
  const changes = await listLayerChanges({ upper: makeUpper(folder), below, mountPoints: [], limit: 10 });
  t.deepEqual(changes, [{ kind: 'changed', path: '/file7' }]);
});

/** An upper directory in which one of the layers' files has changed. */
function makeUpper(folder: string): string {
  const upper = join(folder, 'upper');
  mkdirSync(upper);
  writeFileSync(join(upper, 'file7'), 'other');
  return upper;
}

erofsTest('containers share the mounts that this process holds, and a removed layer is let go', async (t) => {
  const folder = diskFolder(t);
  const layers = erofsSnapshotter({ root: folder, writable: join(folder, 'containers') });
  const tar = tarOf([{ path: 'file', content: 'held' }]);
  await commitTar(layers, digestOf(tar), null, tar);
  const [one, two] = [await layers.prepare('one', digestOf(tar)), await layers.prepare('two', digestOf(tar))];
  const [first, second] = [heldOf(one), heldOf(two)];
  t.deepEqual(first, second);
  t.is(first?.pid, process.pid);
  t.is(readFileSync(`/proc/self/fd/${first?.fd}/file`, 'utf8'), 'held');
  await layers.remove([digestOf(tar)]);
  t.false(existsSync(`/proc/self/fd/${first?.fd}/file`));
});

erofsTest('a thread that is terminated leaves none of its mounts behind', async (t) => {
  const folder = diskFolder(t);
  const layers = erofsSnapshotter({ root: folder, writable: folder });
  const tar = tarOf([{ path: 'file', content: 'held' }]);
  await commitTar(layers, digestOf(tar), null, tar);
  const path = join(folder, 'layers', digestHex(digestOf(tar)));
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { addon, path } = workerData;
    globalThis.mounts = [1, 2].map(() => require(addon).mountLayer(path + '/index.erofs', path + '/tar'));
    parentPort.postMessage(globalThis.mounts.map(({ fd }) => '/proc/self/fd/' + fd + '/file'));
    setInterval(() => {}, 1000);`;
  const worker = new Worker(program, { eval: true, workerData: { addon: nativeFile('strake.node'), path } });
  const [files] = (await once(worker, 'message')) as [string[]];
  t.deepEqual(
    files.map((file) => readFileSync(file, 'utf8')),
    ['held', 'held'],
  );
  await worker.terminate();
  t.deepEqual(files.filter(existsSync), []);
});

function heldOf(mount: Mount) {
  const layer = mount.type === 'overlay' ? mount.lower[0] : undefined;
  return layer !== undefined && 'index' in layer ? layer.held : undefined;
}

erofsTest('a layer whose tar or index is altered is corrupt, and one that is whole is not', async (t) => {
  const folder = diskFolder(t);
  const layers = erofsSnapshotter({ root: folder, writable: folder });
  const tars = [
    tarOf([
      { path: 'd/', uid: 9 },
      { path: 'd/f', content: 'x' },
    ]),
    tarOf([{ path: 'd/g', content: 'y' }]),
  ];
  const chain = chainIds(tars.map((tar) => digestOf(tar)));
  for (const [at, tar] of tars.entries()) await commitTar(layers, chain[at]!, chain[at - 1] ?? null, tar);
  for (const chainId of chain) t.deepEqual(await layers.verify(chainId), { state: 'intact' });
  const file = (name: string) => join(folder, 'layers', digestHex(chain[1]!), name);
  const index = readFileSync(file('index.erofs'));
  writeFileSync(file('index.erofs'), Buffer.concat([index.subarray(0, -1), Buffer.from('x')]));
  t.like(await layers.verify(chain[1]!), { state: 'corrupt' });
  writeFileSync(file('index.erofs'), index);
  t.deepEqual(await layers.verify(chain[1]!), { state: 'intact' });
  writeFileSync(
    file('tar'),
    Buffer.concat([tars[1]!.subarray(0, 600), Buffer.from('x'), tars[1]!.subarray(601)]),
  );
  t.like(await layers.verify(chain[1]!), { state: 'corrupt' });
});

test('where EROFS cannot be, layers are directories, or the reason is told', async (t) => {
  const root = temporaryFolder(t); // in memory
  t.is(openSnapshotter({ root, writable: root, layers: 'auto' }).name, 'directory');
  const forced = openSnapshotter({ root, writable: root, layers: 'erofs' });
  const error = await t.throwsAsync(forced.ingest(digestOf('x')), { code: 'ERR_EROFS_UNAVAILABLE' });
  t.regex(error!.message, /tmpfs/);
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
  await ingest.stage({
    parent: null,
    diffId,
    gaps: { implied: [], links: [], whiteouts: false },
    bytes: 0,
    index: null,
  });
  await ingest.commit();
  t.is(statSync(join(folder, 'layers', digestHex(diffId))).mode & 0o777, 0o700);
});

test('a sweep takes back a removal that a crash cut short', async (t) => {
  const folder = temporaryFolder(t);
  const layers = directorySnapshotter({ root: folder, writable: folder });
  const diffId = digestOf('layer');
  {
    await using ingest = await layers.ingest(diffId);
    await ingest.stage({
      parent: null,
      diffId,
      gaps: { implied: [], links: [], whiteouts: false },
      bytes: 0,
      index: null,
    });
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
  await ingest.stage({
    parent: null,
    diffId,
    gaps: { implied: [], links: [], whiteouts: false },
    bytes: 0,
    index: null,
  });
  await ingest.commit();
  t.is(await layers.tar(diffId), null);
});
