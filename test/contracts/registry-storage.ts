import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { RegistryStorage } from '../../lib/registry-server/index.ts';

/** What holds for every storage of a registry. `open` answers the same storage again when it is given the first. */
export function registryStorageContract(
  name: string,
  open: (t: ExecutionContext) => Promise<RegistryStorage>,
): void {
  test(`${name}: what was written is read, and replaced whole`, async (t) => {
    const storage = await open(t);
    t.is(await storage.read('a/b'), undefined);
    await storage.write('a/b', 'one');
    await storage.write('a/b', Buffer.from('another'));
    t.is(String(await storage.read('a/b')), 'another');
    t.is((await storage.stat('a/b'))?.size, 7);
    t.is(await storage.stat('a'), undefined);
    t.is(await storage.open('a/c'), undefined);
  });

  test(`${name}: of many that make the same object one succeeds`, async (t) => {
    const storage = await open(t);
    const made = await Promise.all(Array.from({ length: 8 }, (_, at) => storage.create('x/tag', String(at))));
    t.is(made.filter(Boolean).length, 1);
    t.is(String(await storage.read('x/tag')), String(made.indexOf(true)));
  });

  test(`${name}: an object is opened whole or in part`, async (t) => {
    const storage = await open(t);
    await storage.write('blob', '0123456789');
    t.is(await text(await storage.open('blob')), '0123456789');
    t.is(await text(await storage.open('blob', { start: 2, end: 4 })), '234');
    t.is(await text(await storage.open('blob', { start: 9, end: 9 })), '9');
  });

  test(`${name}: names of a folder are listed in order, and in pages`, async (t) => {
    const storage = await open(t);
    for (const key of ['r/b', 'r/a', 'r/C', 'r/deep/er/one', 'r/deep/er/two', 'other/x'])
      await storage.write(key, key);
    t.deepEqual(await storage.list('r'), ['C', 'a', 'b', 'deep']);
    t.deepEqual(await storage.list('r', { after: 'a' }), ['b', 'deep']);
    t.deepEqual(await storage.list('r', { after: 'C', limit: 2 }), ['a', 'b']);
    t.deepEqual(await storage.list('nowhere'), []);
  });

  test(`${name}: what was removed is gone, and its folder with it`, async (t) => {
    const storage = await open(t);
    await storage.write('r/x/y', '1');
    t.true(await storage.remove('r/x/y'));
    t.false(await storage.remove('r/x/y'));
    t.deepEqual(await storage.list('r'), []);
    await storage.write('r/x/y', '2');
    t.is(String(await storage.read('r/x/y')), '2');
  });

  test(`${name}: what was needed since is not removed, what was not is`, async (t) => {
    const storage = await open(t);
    await storage.write('old', '1');
    const written = (await storage.stat('old'))!.needed;
    t.false(await storage.removeUnneeded('old', written));
    t.true(await storage.touch('old'));
    t.true((await storage.stat('old'))!.needed >= written);
    t.true(await storage.removeUnneeded('old', Date.now() + 1000));
    t.is(await storage.read('old'), undefined);
    t.false(await storage.touch('old'));
    t.true(await storage.removeUnneeded('old', Date.now()));
  });

  test(`${name}: a touch that said true is never undone by a removal that began before it`, async (t) => {
    const storage = await open(t);
    for (let round = 0; round < 60; round++) {
      await storage.write('raced', 'x');
      const since = Date.now() + 1;
      while (Date.now() < since);
      const [touched, removed] = await Promise.all([
        storage.touch('raced'),
        storage.removeUnneeded('raced', since),
      ]);
      const isThere = (await storage.read('raced')) !== undefined;
      if (touched) t.true(isThere, `round ${round}`);
      t.is(isThere, !removed, `round ${round}`);
    }
  });

  test(`${name}: only one works exclusively, and the next may when he is done`, async (t) => {
    const storage = await open(t);
    const inner = await storage.exclusively('gc', () => storage.exclusively('gc', async () => 'both'));
    t.is(inner, undefined);
    t.is(await storage.exclusively('gc', async () => 'again'), 'again');
    await t.throwsAsync(
      storage.exclusively('gc', async () => {
        throw new Error('failed');
      }),
    );
    t.is(await storage.exclusively('gc', async () => 'after'), 'after');
  });

  test(`${name}: an upload arrives in pieces and becomes an object`, async (t) => {
    const { uploads, ...storage } = splitOf(await open(t));
    const id = randomUUID();
    t.is(await uploads.find(id), undefined);
    await uploads.begin(id, 'mine');
    t.like(await uploads.find(id), { size: 0, about: 'mine' });
    t.is(await uploads.append(id, 0, chunks('hello ', 'big ')), 10);
    t.is(await uploads.append(id, 10, chunks('world')), 15);
    t.deepEqual(await uploads.list(), [id]);
    t.is(await text(await uploads.open(id)), 'hello big world');
    await uploads.commit(id, 'blobs/x', 15);
    t.is(String(await storage.read('blobs/x')), 'hello big world');
    t.is(await uploads.find(id), undefined);
    t.deepEqual(await uploads.list(), []);
  });

  test(`${name}: a piece at the wrong place is refused, and what an interrupted one brought is kept`, async (t) => {
    const { uploads } = await open(t);
    const id = randomUUID();
    await uploads.begin(id, '');
    await t.throwsAsync(uploads.append(id, 5, chunks('x')), { code: 'ERR_UPLOAD_OFFSET' });
    await t.throwsAsync(uploads.append(id, 0, failing('abc')), { message: 'cut' });
    t.is((await uploads.find(id))?.size, 3);
    t.is(await uploads.append(id, 3, chunks('def')), 6);
    t.is(await text(await uploads.open(id)), 'abcdef');
  });

  test(`${name}: an upload that is gone is said to be`, async (t) => {
    const { uploads } = await open(t);
    const id = randomUUID();
    await uploads.begin(id, '');
    t.true(await uploads.remove(id));
    t.false(await uploads.remove(id));
    await t.throwsAsync(uploads.append(id, 0, chunks('x')), { code: 'ERR_UPLOAD_NOT_FOUND' });
    await t.throwsAsync(uploads.commit(id, 'k', 0), { code: 'ERR_UPLOAD_NOT_FOUND' });
  });

  test(`${name}: an upload that has other bytes than were verified becomes no object`, async (t) => {
    const storage = await open(t);
    const id = randomUUID();
    await storage.uploads.begin(id, '');
    await storage.uploads.append(id, 0, chunks('verified'));
    await storage.uploads.append(id, 8, chunks(' and more'));
    await t.throwsAsync(storage.uploads.commit(id, 'blob', 8), { code: 'ERR_UPLOAD_OFFSET' });
    t.is(await storage.read('blob'), undefined);
    t.is((await storage.uploads.find(id))?.size, 17);
  });

  test(`${name}: a large body is stored as it came`, async (t) => {
    const storage = await open(t);
    const id = randomUUID();
    await storage.uploads.begin(id, '');
    const pieces = Array.from({ length: 2000 }, (_, at) => String(at).padStart(4000, '.'));
    t.is(await storage.uploads.append(id, 0, chunks(...pieces)), 8_000_000);
    await storage.uploads.commit(id, 'large', 8_000_000);
    t.is(await text(await storage.open('large')), pieces.join(''));
  });
}

/** A class's methods do not survive a spread. */
function splitOf(storage: RegistryStorage) {
  return { uploads: storage.uploads, read: (key: string) => storage.read(key) };
}

async function* chunks(...pieces: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function* failing(piece: string): AsyncGenerator<Buffer> {
  yield Buffer.from(piece);
  throw new Error('cut');
}

async function text(body: Readable | undefined): Promise<string> {
  let all = '';
  for await (const piece of body ?? []) all += piece;
  return all;
}
