import { readFileSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BlobStore } from '../../lib/content/index.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import {
  findLayerSource,
  type LayerSourceStores,
  layerSourceReader,
  readLayerSource,
} from '../../lib/unpack/index.ts';
import { noise } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const tar = noise(3 * 1024 * 1024 + 17);
const packed = noise(2 * 1024 * 1024 + 5, 2);
const layer = {
  blob: { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(packed), size: packed.length },
  diffId: digestOf(tar),
  chainId: digestOf(tar),
};

async function stores(
  t: ExecutionContext,
  kept: { blob: boolean; tar: boolean },
): Promise<LayerSourceStores & { folder: string }> {
  const folder = temporaryFolder(t);
  const blobs = new BlobStore(folder);
  if (kept.blob) await blobs.putAll([{ descriptor: layer.blob, bytes: packed }]);
  const path = join(folder, 'layer.tar');
  await writeFile(path, tar);
  const snapshots = { tar: async () => (kept.tar ? { path, size: tar.length } : null) };
  return { folder, blobs, snapshots };
}

async function read(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('a layer is sent on as its blob when that is kept, as its tar otherwise or when that is preferred', async (t) => {
  const both = await stores(t, { blob: true, tar: true });
  t.is((await findLayerSource(layer, both)).kind, 'blob');
  t.is((await findLayerSource(layer, both, { prefer: 'tar' })).kind, 'tar');
  t.is((await findLayerSource(layer, await stores(t, { blob: false, tar: true }))).kind, 'tar');
  const blobOnly = await findLayerSource(layer, await stores(t, { blob: true, tar: false }), {
    prefer: 'tar',
  });
  t.is(blobOnly.kind, 'blob');
});

test('a layer whose bytes are not kept says what to do', async (t) => {
  const neither = await stores(t, { blob: false, tar: false });
  await t.throwsAsync(findLayerSource(layer, neither), {
    code: 'ERR_LAYER_BYTES_MISSING',
    message: /storage\.keepCompressed to true/,
  });
});

test('a source is read whole, and from an offset', async (t) => {
  const source = await findLayerSource(layer, await stores(t, { blob: true, tar: true }));
  t.true((await read(readLayerSource(source))).equals(packed));
  t.true((await read(readLayerSource(source, { offset: 1_500_000 }))).equals(packed.subarray(1_500_000)));
});

test('the last piece of a source that the disk has altered is never given', async (t) => {
  for (const kind of ['blob', 'tar'] as const) {
    const source = await findLayerSource(layer, await stores(t, { blob: true, tar: true }), { prefer: kind });
    const bytes = Buffer.from(kind === 'blob' ? packed : tar);
    bytes[1000]! ^= 1;
    await writeFile(source.path, bytes);
    let given = 0;
    const taking = async () => {
      for await (const piece of readLayerSource(source)) given += piece.length;
    };
    await t.throwsAsync(taking(), { code: 'ERR_BLOB_DIGEST_MISMATCH', message: /pull it again/ });
    t.true(given < bytes.length);
  }
});

test('a source that was cut short or removed gives nothing at all', async (t) => {
  const { folder: _, ...kept } = await stores(t, { blob: true, tar: true });
  const source = await findLayerSource(layer, kept);
  await truncate(source.path, 100);
  await t.throwsAsync(read(readLayerSource(source)), { code: 'ERR_BLOB_SIZE_MISMATCH' });
  await kept.blobs.remove([layer.blob.digest]);
  await t.throwsAsync(read(readLayerSource(source)), { code: 'ERR_BLOB_NOT_FOUND' });
});

test.serial(
  'a layer that is read in pieces is hashed once, and what was altered is not completed',
  async (t) => {
    const both = await stores(t, { blob: true, tar: true });
    const source = await findLayerSource(layer, both, { prefer: 'tar' });
    const open = layerSourceReader(source, new AbortController().signal);
    const before = bytesRead();
    for (let round = 0; round < 40; round++) {
      for await (const piece of open(tar.length - 100_000)) t.true(piece.length <= 100_000);
    }
    t.true(bytesRead() - before < 3 * tar.length);
    await writeFile(source.path, noise(tar.length, 3));
    const altered = layerSourceReader(source, new AbortController().signal);
    await t.throwsAsync(read(altered(0)), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
    await t.throwsAsync(read(altered(1_500_000)), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
  },
);

/** By this process, of anything (proc_pid_io(5)). */
function bytesRead(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
