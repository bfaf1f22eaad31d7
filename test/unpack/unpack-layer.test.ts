import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ContentSource } from '../../lib/content/index.ts';
import { EngineError } from '../../lib/errors/index.ts';
import { directorySnapshotter } from '../../lib/snapshots/index.ts';
import { type LayerToUnpack, unpackLayer } from '../../lib/unpack/index.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const layer = buildImage({ layers: [{ entries: [{ path: 'file', content: noise(500_000) }] }] }).layers[0]!;
const half = layer.bytes.length >> 1;

test('an unpacked layer is seen by nobody until it is committed, and its blob is whole in the partial file', async (t) => {
  const { unpack, snapshotter, partial } = open(t);
  {
    await using unpacked = await unpack(sends(() => layer.bytes));
    t.false(await snapshotter.has(layer.chainId));
    t.deepEqual(readFileSync(partial), layer.bytes);
    await unpacked.stage(null);
    await unpacked.commit();
  }
  t.true(await snapshotter.has(layer.chainId));
});

test('bytes that were there already are not asked for', async (t) => {
  const { unpack, partial } = open(t);
  writeFileSync(partial, layer.bytes.subarray(0, half));
  const offsets: number[] = [];
  await using _unpacked = await unpack(
    sends((offset) => {
      offsets.push(offset);
      return layer.bytes.subarray(offset);
    }),
  );
  t.deepEqual(offsets, [half]);
});

test('wrong bytes from before are the only ones for which a layer is fetched again', async (t) => {
  const { unpack, partial } = open(t);
  writeFileSync(partial, noise(half, 9));
  const offsets: number[] = [];
  const track = (bytes: Buffer) =>
    sends((offset) => {
      offsets.push(offset);
      return bytes.subarray(offset);
    });
  {
    await using _unpacked = await unpack(track(layer.bytes));
    t.is(offsets.at(-1), 0);
  }
  offsets.length = 0;
  // Whichever notices first: gzip or the digest.
  const error = await t.throwsAsync<EngineError>(open(t).unpack(track(noise(layer.bytes.length, 9))));
  t.is(error?.kind, 'corrupt');
  t.deepEqual(offsets, [0]);
});

test('a layer with wrong bytes leaves no partial file, and one that is cut off does', async (t) => {
  const wrong = open(t);
  await t.throwsAsync(wrong.unpack(sends(() => Buffer.concat([layer.bytes, Buffer.from('x')]))), {
    code: 'ERR_BLOB_SIZE_MISMATCH',
  });
  t.false(existsSync(wrong.partial));
  const cut = open(t);
  await t.throwsAsync(cut.unpack(cutsAt(half)), { code: 'ERR_DOWNLOAD_INTERRUPTED' });
  t.is(statSync(cut.partial).size, half);
});

test('a source that ends early without an error is asked again, and then its blob is too short', async (t) => {
  let asked = 0;
  const source = sends((offset) => {
    asked += 1;
    return layer.bytes.subarray(offset, half);
  });
  await t.throwsAsync(open(t).unpack(source), { code: 'ERR_BLOB_SIZE_MISMATCH' });
  t.true(asked > 3);
});

function open(t: ExecutionContext) {
  const folder = temporaryFolder(t);
  const snapshotter = directorySnapshotter({ root: join(folder, 'layers'), writable: folder });
  const partial = join(folder, 'partial');
  const unpack = (source: ContentSource) =>
    unpackLayer(layer as LayerToUnpack, {
      source,
      snapshotter,
      partial,
      limits: { maxBytes: 1 << 30, maxEntries: 1000 },
      signal: new AbortController().signal,
      onProgress: () => {},
    });
  return { snapshotter, partial, unpack };
}

/** A source that sends what `bytesFrom` answers for an offset. */
function sends(bytesFrom: (offset: number) => Buffer): ContentSource {
  return {
    fetch: async (_, { offset = 0 } = {}) => chunks(bytesFrom(offset)),
  };
}

/** A source that is cut off at a place, again and again. */
function cutsAt(end: number): ContentSource {
  async function* body(offset: number) {
    yield* chunks(layer.bytes.subarray(offset, end));
    throw new EngineError('ERR_DOWNLOAD_INTERRUPTED', 'cut');
  }
  return { fetch: async (_, { offset = 0 } = {}) => body(offset) };
}

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}
