import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { openPacker, type PackedLayer, type PackerOptions } from '../../bindings/pack.ts';
import { digestOf } from '../../lib/oci/index.ts';
import { noise } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const tar = Buffer.concat([
  noise(700_000),
  Buffer.from('a line of text\n'.repeat(200_000)),
  noise(300_001, 3),
]);

interface Packed extends PackedLayer {
  readonly bytes: Buffer;
}

async function packFile(t: ExecutionContext, options: Omit<PackerOptions, 'output'>): Promise<Packed> {
  const folder = temporaryFolder(t);
  const input = join(folder, 'layer.tar');
  writeFileSync(input, tar);
  const output = join(folder, 'blob');
  const packer = await openPacker({ ...options, input, output });
  return { ...(await packer.finish()), bytes: readFileSync(output) };
}

async function packChunks(
  t: ExecutionContext,
  options: Omit<PackerOptions, 'output'>,
  size: number,
): Promise<Packed> {
  const output = join(temporaryFolder(t), 'blob');
  const packer = await openPacker({ ...options, output });
  for (let at = 0; at < tar.length; at += size) await packer.write(tar.subarray(at, at + size));
  return { ...(await packer.finish()), bytes: readFileSync(output) };
}

function unpack(compression: PackerOptions['compression'], bytes: Buffer): Buffer {
  if (compression === 'none') return bytes;
  return execFileSync(compression, ['-dc'], { input: bytes, maxBuffer: 1 << 28 });
}

for (const compression of ['gzip', 'zstd', 'none'] as const) {
  test(`${compression}: the blob is what the program of that name reads, and both digests are right`, async (t) => {
    const packed = await packFile(t, { compression });
    t.true(unpack(compression, packed.bytes).equals(tar));
    t.is(packed.diffId, digestOf(tar));
    t.is(packed.digest, digestOf(packed.bytes));
    t.is(packed.size, packed.bytes.length);
    t.is(packed.tarBytes, tar.length);
    if (compression === 'gzip') t.true(gunzipSync(packed.bytes).equals(tar));
  });

  test(`${compression}: the same tar makes the same blob, by whatever threads and chunks`, async (t) => {
    const { digest } = await packFile(t, { compression, threads: 1 });
    t.is((await packFile(t, { compression, threads: 5 })).digest, digest);
    t.is((await packChunks(t, { compression }, 100_003)).digest, digest);
    t.is((await packChunks(t, { compression, threads: 2 }, 1 << 20)).digest, digest);
  });
}

test('a higher level packs tighter', async (t) => {
  for (const compression of ['gzip', 'zstd'] as const) {
    const sizes = [];
    for (const level of [1, 9]) sizes.push((await packFile(t, { compression, level })).size);
    t.true(sizes[1]! < sizes[0]!);
  }
});

test('a tar that is packed already is packed anew from its file, with the same digest of the tar', async (t) => {
  const folder = temporaryFolder(t);
  const [first, second] = ['gzip', 'zstd'].map((name) => join(folder, name)) as [string, string];
  writeFileSync(join(folder, 'tar'), tar);
  const packed = await (
    await openPacker({ input: join(folder, 'tar'), output: first, compression: 'gzip' })
  ).finish();
  const again = await openPacker({
    input: first,
    inputCompression: 'gzip',
    output: second,
    compression: 'zstd',
  });
  t.is((await again.finish()).diffId, packed.diffId);
  t.true(unpack('zstd', readFileSync(second)).equals(tar));
  const cut = await openPacker({
    input: second,
    inputCompression: 'gzip',
    output: join(folder, 'x'),
    compression: 'none',
  });
  await t.throwsAsync(cut.finish(), { code: 'ERR_LAYER_CORRUPT' });
});

test('a level that there is not, and an output that is there already, are refused', async (t) => {
  const folder = temporaryFolder(t);
  const output = join(folder, 'blob');
  await t.throwsAsync(openPacker({ output, compression: 'gzip', level: 10 }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /1 to 9, not 10/,
  });
  writeFileSync(output, '');
  await t.throwsAsync(openPacker({ output, compression: 'gzip' }), {
    code: 'ERR_SYSTEM',
    message: /exists/i,
  });
});

test('a packer that is aborted ends at once, and tells so', async (t) => {
  const packer = await openPacker({
    output: join(temporaryFolder(t), 'blob'),
    compression: 'zstd',
    level: 19,
  });
  await packer.write(tar);
  await packer.abort();
  await packer.abort();
  await t.throwsAsync(packer.finish(), { code: 'ERR_ABORTED' });
});
