import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import { BlobStore } from '../../lib/content/index.ts';
import { digestOf } from '../../lib/oci/index.ts';
import { contentContract } from '../contracts/content.ts';
import { noise } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

contentContract('the blob store', async (t) => {
  const folder = temporaryFolder(t);
  const store = new BlobStore(folder);
  const left = () => (readdirSync(folder).includes('ingest') ? readdirSync(join(folder, 'ingest')) : []);
  return { store, has: async (descriptor) => store.has(descriptor.digest), leftovers: async () => left() };
});

test('small blobs are stored together, each verified, or none', async (t) => {
  const store = new BlobStore(temporaryFolder(t));
  const good = smallBlob('good');
  const bad = { ...smallBlob('bad'), bytes: Buffer.from('b4d') };
  await t.throwsAsync(store.putAll([good, bad]), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
  t.false(store.has(good.descriptor.digest));
  await store.putAll([good, good]);
  t.is((await store.read(good.descriptor, 100)).toString(), 'good');
  t.deepEqual(await store.list(), [good.descriptor.digest]);
});

test('a blob that the disk altered is not answered', async (t) => {
  const store = new BlobStore(temporaryFolder(t));
  const blob = smallBlob('some content');
  await store.putAll([blob]);
  writeFileSync(store.path(blob.descriptor.digest), 'same length!');
  await t.throwsAsync(store.read(blob.descriptor, 100), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
});

test('a blob larger than the limit is not read, and one that is absent says what to do', async (t) => {
  const store = new BlobStore(temporaryFolder(t));
  const { descriptor } = smallBlob('0123456789');
  await t.throwsAsync(store.read(descriptor, 9), { code: 'ERR_BLOB_TOO_LARGE' });
  await t.throwsAsync(store.read(descriptor, 10), {
    code: 'ERR_BLOB_NOT_FOUND',
    message: /pull the image again/,
  });
});

test('a file can be taken over, and must have the right size', async (t) => {
  const folder = temporaryFolder(t);
  const store = new BlobStore(folder);
  const { descriptor, bytes } = smallBlob('taken over');
  writeFileSync(join(folder, 'file'), bytes.subarray(1));
  await t.throwsAsync(store.adopt(descriptor, join(folder, 'file')), { code: 'ERR_BLOB_SIZE_MISMATCH' });
  writeFileSync(join(folder, 'file'), bytes);
  await store.adopt(descriptor, join(folder, 'file'));
  t.deepEqual(readFileSync(store.path(descriptor.digest)), bytes);
});

test('what somebody needs after all is put back by a removal', async (t) => {
  const store = new BlobStore(temporaryFolder(t));
  const [one, two] = [smallBlob('one'), smallBlob('two')];
  await store.putAll([one, two]);
  await store.remove([one.descriptor.digest, two.descriptor.digest], async () => {
    t.false(store.has(one.descriptor.digest));
    return new Set([two.descriptor.digest]);
  });
  t.deepEqual(await store.list(), [two.descriptor.digest]);
});

test('what is put aside while others empty the quarantine is out of use, every time', async (t) => {
  const folder = temporaryFolder(t);
  const [store, other] = [new BlobStore(folder), new BlobStore(folder)];
  for (let round = 0; round < 20; round++) {
    const blobs = [smallBlob(`one ${round}`), smallBlob(`two ${round}`)];
    await store.putAll(blobs);
    const aside = blobs.map(({ descriptor }) => store.quarantine(descriptor.digest));
    await Promise.all([1, 2, 3].map(() => other.emptyQuarantine()));
    t.false((await Promise.all(aside)).includes(null));
    for (const { descriptor } of blobs) t.false(store.has(descriptor.digest), `round ${round}`);
  }
});

test('a removal tells the bytes of large and small blobs', async (t) => {
  const store = new BlobStore(temporaryFolder(t));
  const bytes = noise(3_000_000);
  const descriptor = { mediaType: 'x', digest: digestOf(bytes), size: bytes.length };
  await store.putAll([{ descriptor, bytes }, smallBlob('small')]);
  t.is(await store.remove(await store.list()), 3_000_000 + 'small'.length);
  t.deepEqual(await store.list(), []);
});

test('a sweep takes back a removal that was cut short', async (t) => {
  const folder = temporaryFolder(t);
  const store = new BlobStore(folder);
  const blob = smallBlob('kept');
  await store.putAll([blob]);
  const failing = store.remove([blob.descriptor.digest], async () => {
    throw new Error('no answer');
  });
  await t.throwsAsync(failing, { message: 'no answer' });
  t.true(store.has(blob.descriptor.digest));
  const path = store.path(blob.descriptor.digest);
  renameSync(path, join(folder, 'removed', basename(path)));
  await store.sweep();
  t.true(store.has(blob.descriptor.digest));
});

function smallBlob(text: string) {
  const bytes = Buffer.from(text);
  return { descriptor: { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.length }, bytes };
}

test('large blobs stream', async (t) => {
  const store = new BlobStore(temporaryFolder(t));
  const bytes = noise(5 << 20);
  const descriptor = { mediaType: 'x/y', digest: digestOf(bytes), size: bytes.length };
  async function* body() {
    for (let at = 0; at < bytes.length; at += 1 << 16) yield bytes.subarray(at, at + (1 << 16));
  }
  await store.put(descriptor, body());
  t.deepEqual(readFileSync(store.path(descriptor.digest)), bytes);
});
