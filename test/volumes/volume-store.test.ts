import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { VolumeStore } from '../../lib/volumes/index.ts';

const test = anyTest as TestFn<{ root: string; store: VolumeStore }>;

test.beforeEach((t) => {
  const root = mkdtempSync('/dev/shm/strake-volumes-');
  t.context = { root, store: new VolumeStore(root) };
});
test.afterEach.always((t) => {
  rmSync(t.context.root, { recursive: true, force: true });
});

const nobody = async () => new Map();

test('who looks for a volume that is just being removed waits, and finds one that stays', async (t) => {
  const { store } = t.context;
  await store.ensure('data');
  let looking: Promise<boolean> | undefined;
  await store.removeUnused(['data'], async () => {
    looking = store.ensure('data');
    await Promise.race([looking, delay(100)]);
    return new Map();
  });
  t.true(await looking, 'made anew');
  t.true(existsSync(store.path('data')));
});

test('so does who asks whether it is there', async (t) => {
  const { store } = t.context;
  await store.ensure('data');
  let looking: Promise<boolean> | undefined;
  await store.removeUnused(['data'], async () => {
    looking = store.holds('data');
    await Promise.race([looking, delay(100)]);
    return new Map();
  });
  t.false(await looking);
});

test('removals at once ask for needs one after another', async (t) => {
  const { store, root } = t.context;
  const stores = { aa: store, bb: new VolumeStore(root), cc: store };
  for (const name of Object.keys(stores)) await store.ensure(name);
  let asking = 0;
  const findUses = async () => {
    t.is(++asking, 1);
    await delay(30);
    asking--;
    return new Map();
  };
  await Promise.all(Object.entries(stores).map(([name, own]) => own.removeUnused([name], findUses)));
  t.deepEqual(await store.list(), []);
});

test('more callers than threads wait for the lock, and none holds up its holder', async (t) => {
  const { store, root } = t.context;
  const all = Array.from({ length: 40 }, (_, index) => `v${index}`);
  await Promise.all(all.map((name) => store.ensure(name)));
  await Promise.all(all.map((name) => store.removeUnused([name], nobody)));
  t.deepEqual(readdirSync(join(root, 'volumes')), []);
});

test('a removal for which the needs cannot be found out removes nothing and lets go of the lock', async (t) => {
  const { store } = t.context;
  await store.ensure('data');
  const failing = store.removeUnused(['data'], () => Promise.reject(new Error('no')));
  await t.throwsAsync(failing, { message: 'no' });
  t.true(existsSync(store.path('data')));
  t.deepEqual((await store.removeUnused(['data'], nobody)).removed, ['data']);
});

test('a folder of an earlier version that has no files yet becomes a volume', async (t) => {
  const { store, root } = t.context;
  await store.ensure('data');
  rmSync(store.path('data'), { recursive: true });
  t.false(await store.ensure('data'));
  t.true(existsSync(store.path('data')));
  t.deepEqual(readdirSync(join(root, 'volumes')), ['data']);
});
