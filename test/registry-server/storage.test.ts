import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  openLocalStorage,
  openMemoryStorage,
  type RegistryStorage,
} from '../../lib/registry-server/index.ts';
import { registryStorageContract } from '../contracts/registry-storage.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

registryStorageContract('memory', async () => openMemoryStorage());
registryStorageContract('local', async (t) => openLocalStorage(temporaryFolder(t)));

test('two processes on one directory see what the other has written, at once', async (t) => {
  const folder = temporaryFolder(t);
  const [one, other] = [await openLocalStorage(folder), await openLocalStorage(folder)];
  await one.write('r/tag', 'first');
  t.is(String(await other.read('r/tag')), 'first');
  await one.write('r/tag', 'other');
  t.is(String(await other.read('r/tag')), 'other');
  await one.remove('r/tag');
  t.is(await other.read('r/tag'), undefined);
  await one.write('r/tag', 'again');
  t.is(String(await other.read('r/tag')), 'again');
});

test('an object whose removal was cut short can be taken back, and is removed by the next', async (t) => {
  const folder = temporaryFolder(t);
  const storage = await openLocalStorage(folder);
  const hide = (name: string) =>
    renameSync(join(folder, 'objects/r', name), join(folder, 'objects/r', `.${name}`));
  for (const name of ['back', 'gone']) await storage.write(`r/${name}`, name);
  hide('back');
  hide('gone');
  t.deepEqual(await storage.list('r'), ['back', 'gone']);
  t.is(String(await storage.read('r/back')), 'back');
  t.is((await storage.stat('r/back'))?.size, 4);
  t.true(await storage.touch('r/back'));
  t.true(await storage.removeUnneeded('r/gone', Date.now() + 1000));
  t.deepEqual(readdirSync(join(folder, 'objects/r')), ['back']);
});

test('what somebody removes is gone, though a collector that hid it has not decided yet', async (t) => {
  const folder = temporaryFolder(t);
  const storage = await openLocalStorage(folder);
  await storage.write('r/hidden', '');
  renameSync(join(folder, 'objects/r/hidden'), join(folder, 'objects/r/.hidden'));
  t.true(await storage.remove('r/hidden'));
  t.false(await storage.remove('r/hidden'));
  t.deepEqual(await storage.list('r'), []);
});

test('what is being removed is there until it is unlinked', async (t) => {
  const folder = temporaryFolder(t);
  const storage = await openLocalStorage(folder);
  const hide = () => renameSync(join(folder, 'objects/r/x'), join(folder, 'objects/r/.x'));
  await storage.write('r/x', 'still');
  hide();
  t.is(String(await storage.read('r/x')), 'still');
  t.is((await storage.stat('r/x'))?.size, 5);
  t.truthy((await storage.open('r/x'))?.destroy());
  t.true(await storage.remove('r/x'));
  t.is(await storage.read('r/x'), undefined);
  t.deepEqual(readdirSync(join(folder, 'objects')), []);
});

test('nothing is left of drafts and uploads', async (t) => {
  const folder = temporaryFolder(t);
  const storage = await openLocalStorage(folder);
  await storage.write('a', '1');
  await storage.create('a', '2');
  await storage.uploads.begin('id', '');
  await storage.uploads.commit('id', 'b', 0);
  await storage[Symbol.asyncDispose]();
  t.deepEqual(readdirSync(join(folder, 'drafts')), []);
  t.deepEqual(readdirSync(join(folder, 'uploads')), []);
});

test('a folder that is removed because it is empty, and made again by another, is no failure of either', async (t) => {
  const folder = temporaryFolder(t);
  const storages = [await openLocalStorage(folder), await openLocalStorage(folder, { durable: false })];
  const work = async (storage: RegistryStorage, at: number) => {
    for (let round = 0; round < 150; round++) {
      await storage.write(`r/deep/er/${at}`, String(round));
      t.is(String(await storage.read(`r/deep/er/${at}`)), String(round));
      await storage.remove(`r/deep/er/${at}`);
    }
  };
  await Promise.all([0, 1, 2, 3].map((at) => work(storages[at % 2]!, at)));
  t.deepEqual(await storages[0]!.list('r'), []);
});
