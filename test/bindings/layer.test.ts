import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { completeLayer, type LayerSinkOptions, openLayerSink } from '../../bindings/layer.ts';
import { isEngineError } from '../../lib/errors/index.ts';
import { tarOf } from '../fixtures/tar.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const rootTest = process.getuid?.() === 0 ? test : test.skip;
if (process.getuid?.() !== 0) console.log('skipped: only root makes the owners and devices of a layer');

const digest = (data: Uint8Array) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

const smallTar = tarOf([
  { path: 'etc/hosts', content: 'localhost' },
  { path: 'bin/', mode: 0o755, mtime: 1000 },
  { path: 'bin/sh', target: 'busybox' },
]);

/** Random bytes do not compress: the blob has many chunks. */
const largeTar = tarOf(
  Array.from({ length: 40 }, (_, i) => ({ path: `data/${i}`, content: randomContent(i, 200_000) })),
);

function randomContent(seed: number, size: number): Buffer {
  const blocks = Array.from({ length: size / 32 }, (_, i) =>
    createHash('sha256').update(`${seed}.${i}`).digest(),
  );
  return Buffer.concat(blocks);
}

function optionsFor(
  t: ExecutionContext,
  blob: Buffer,
  tar: Buffer,
  changes: Partial<LayerSinkOptions> = {},
): LayerSinkOptions & { directory: string } {
  const folder = temporaryFolder(t);
  const directory = join(folder, 'layer');
  mkdirSync(directory);
  return {
    partial: join(folder, 'partial'),
    size: blob.length,
    digest: digest(blob),
    compression: 'gzip',
    diffId: digest(tar),
    target: { directory },
    directory,
    limits: { maxBytes: 1e9, maxEntries: 1e5 },
    ...changes,
  };
}

async function unpack(options: LayerSinkOptions, blob: Buffer, chunkSize = 65_536) {
  const sink = await openLayerSink(options);
  for (let at = sink.offset; at < blob.length; at += chunkSize)
    await sink.write(blob.subarray(at, at + chunkSize));
  return sink.finish();
}

rootTest('a gzip layer becomes files, and the blob is kept', async (t) => {
  const blob = gzipSync(smallTar);
  const options = optionsFor(t, blob, smallTar);
  const result = await unpack(options, blob, 7);
  t.deepEqual(result, {
    entries: 3,
    bytes: 9,
    tarBytes: smallTar.length,
    index: null,
    implied: ['.', 'etc'],
    whiteouts: false,
    links: [],
  });
  t.is(readFileSync(join(options.directory, 'etc/hosts'), 'utf8'), 'localhost');
  t.is(statSync(join(options.directory, 'bin')).mtimeMs, 1_000_000);
  t.deepEqual(readFileSync(options.partial), blob);
});

rootTest('zstd, several gzip members, and no compression give the same', async (t) => {
  const half = 1024;
  const members = Buffer.concat([gzipSync(smallTar.subarray(0, half)), gzipSync(smallTar.subarray(half))]);
  const zstd = execFileSync('zstd', ['-c'], { input: smallTar });
  for (const [compression, blob] of [
    ['gzip', members],
    ['zstd', zstd],
    ['none', smallTar],
  ] as const) {
    const options = optionsFor(t, blob, smallTar, { compression });
    t.is((await unpack(options, blob)).entries, 3, compression);
    t.is(readFileSync(join(options.directory, 'etc/hosts'), 'utf8'), 'localhost');
  }
});

rootTest('a large layer arrives with back-pressure, whatever its chunks', async (t) => {
  const blob = gzipSync(largeTar, { level: 1 });
  for (const chunkSize of [10_000, 1_000_000, blob.length]) {
    const options = optionsFor(t, blob, largeTar);
    t.is((await unpack(options, blob, chunkSize)).bytes, 8_000_000);
    t.deepEqual(readFileSync(join(options.directory, 'data/39')), randomContent(39, 200_000));
  }
});

rootTest('a writer that does not wait is not lost', async (t) => {
  const blob = gzipSync(largeTar, { level: 1 });
  const sink = await openLayerSink(optionsFor(t, blob, largeTar));
  const writes = [];
  for (let at = 0; at < blob.length; at += 500_000) writes.push(sink.write(blob.subarray(at, at + 500_000)));
  await Promise.all(writes);
  t.is((await sink.finish()).bytes, 8_000_000);
});

rootTest('an aborted layer resumes from its partial file, wherever it stopped', async (t) => {
  const blob = gzipSync(largeTar, { level: 1 });
  const options = optionsFor(t, blob, largeTar);
  const first = await openLayerSink(options);
  await first.write(blob.subarray(0, 3_000_000));
  await delay(30);
  await first.abort();
  await first.abort();
  const kept = readFileSync(options.partial);
  t.true(kept.length > 0 && kept.equals(blob.subarray(0, kept.length)));
  const again = optionsFor(t, blob, largeTar, { partial: options.partial });
  const sink = await openLayerSink(again);
  t.is(sink.offset, kept.length);
  await sink.write(blob.subarray(sink.offset));
  t.is((await sink.finish()).bytes, 8_000_000);
});

rootTest('a partial file that is complete needs no more bytes', async (t) => {
  const blob = gzipSync(smallTar);
  const options = optionsFor(t, blob, smallTar);
  writeFileSync(options.partial, blob);
  const sink = await openLayerSink(options);
  t.is(sink.offset, blob.length);
  t.is((await sink.finish()).entries, 3);
});

rootTest('a partial file that is too large is refused', async (t) => {
  const blob = gzipSync(smallTar);
  const options = optionsFor(t, blob, smallTar);
  writeFileSync(options.partial, Buffer.concat([blob, Buffer.from('x')]));
  await t.throwsAsync(openLayerSink(options), { code: 'ERR_BLOB_SIZE_MISMATCH' });
});

rootTest('a partial file of other contents fails the digest', async (t) => {
  const blob = gzipSync(smallTar, { level: 9 });
  const other = gzipSync(smallTar, { level: 0 }).subarray(0, 10);
  const options = optionsFor(t, blob, smallTar);
  writeFileSync(
    options.partial,
    Buffer.concat([other.subarray(0, 4), Buffer.from([9, 9, 9, 9]), other.subarray(8)]),
  );
  await t.throwsAsync(unpack(options, blob), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
});

const gzip = gzipSync(smallTar);
const failures: Record<string, [Partial<LayerSinkOptions>, Buffer, string]> = {
  'a blob that is too short': [{}, gzip.subarray(0, -9), 'ERR_BLOB_SIZE_MISMATCH'],
  'a blob that is too long': [{}, Buffer.concat([gzip, gzip]), 'ERR_BLOB_SIZE_MISMATCH'],
  'a blob of another digest': [{ digest: digest(smallTar) }, gzip, 'ERR_BLOB_DIGEST_MISMATCH'],
  'a tar of another diffId': [{ diffId: digest(gzip) }, gzip, 'ERR_LAYER_DIFF_ID_MISMATCH'],
  'a compression that it does not have': [{ compression: 'zstd' }, gzip, 'ERR_LAYER_CORRUPT'],
  'more bytes than allowed': [{ limits: { maxBytes: 1000, maxEntries: 10 } }, gzip, 'ERR_LAYER_TOO_LARGE'],
  'more entries than allowed': [{ limits: { maxBytes: 1e6, maxEntries: 2 } }, gzip, 'ERR_LAYER_TOO_LARGE'],
};

for (const [what, [changes, blob, code]] of Object.entries(failures)) {
  rootTest(`${what} is ${code}`, async (t) => {
    const error = await t.throwsAsync(unpack(optionsFor(t, gzip, smallTar, changes), blob));
    t.true(isEngineError(error), String(error));
    t.is((error as Error & { code: string }).code, code, String(error));
  });
}

rootTest('a decompression bomb is stopped before it grows', async (t) => {
  const bomb = gzipSync(Buffer.alloc(200_000_000));
  const options = optionsFor(t, bomb, smallTar, { limits: { maxBytes: 1_000_000, maxEntries: 10 } });
  await t.throwsAsync(unpack(options, bomb), { code: 'ERR_LAYER_TOO_LARGE' });
  t.deepEqual(readdirSync(options.directory), []);
});

rootTest('a hostile entry is named', async (t) => {
  const tar = tarOf([{ path: '../../evil', content: 'x' }]);
  const blob = gzipSync(tar);
  const error = await t.throwsAsync(unpack(optionsFor(t, blob, tar), blob), { code: 'ERR_LAYER_UNSAFE' });
  t.regex(error?.message ?? '', /"\.\.\/\.\.\/evil"/);
});

rootTest('after a failure writes reject with it, and a writer that waits is told', async (t) => {
  const options = optionsFor(t, largeTar, largeTar);
  const sink = await openLayerSink(options);
  const writes = Array.from({ length: 8 }, () => sink.write(largeTar.subarray(0, 1_000_000)));
  const results = await Promise.allSettled(writes);
  t.true(results.some(({ status }) => status === 'rejected'));
  await t.throwsAsync(sink.write(Buffer.from('x')), { code: 'ERR_LAYER_CORRUPT' });
  await t.throwsAsync(sink.finish(), { code: 'ERR_LAYER_CORRUPT' });
  await sink.abort();
});

rootTest('finishing what was aborted is ERR_ABORTED', async (t) => {
  const sink = await openLayerSink(optionsFor(t, gzip, smallTar));
  const finished = sink.finish();
  const other = await openLayerSink(optionsFor(t, gzip, smallTar));
  await other.abort();
  await t.throwsAsync(other.finish(), { code: 'ERR_ABORTED' });
  await t.throwsAsync(finished, { code: 'ERR_BLOB_SIZE_MISMATCH' });
});

rootTest('a target that is absent fails with the call and its path', async (t) => {
  const options = optionsFor(t, gzip, smallTar, { target: { directory: '/absent/layer' } });
  const error = await t.throwsAsync(unpack(options, gzip));
  t.like(error, { code: 'ERR_SYSTEM', details: { errno: 'ENOENT', path: '/absent/layer' } });
});

rootTest('a sink that is forgotten keeps no thread and no descriptor', async (t) => {
  const count = () => readdirSync('/proc/self/fd').length;
  const before = count();
  for (let i = 0; i < 5; i++) await (await openLayerSink(optionsFor(t, gzip, smallTar))).abort();
  t.true(count() <= before + 5);
});

rootTest('directories that a layer implied take what they are below', async (t) => {
  const lower = tarOf([{ path: 'etc/', mode: 0o700, mtime: 77 }]);
  const below = optionsFor(t, lower, lower, { compression: 'none' });
  await unpack(below, lower);
  const options = optionsFor(t, gzip, smallTar);
  t.is(
    await completeLayer(options.directory, [{ directory: below.directory }], await unpack(options, gzip)),
    0,
  );
  t.is(statSync(join(options.directory, 'etc')).mode & 0o777, 0o700);
  t.is(statSync(join(options.directory, 'etc')).mtimeMs, 77_000);
  t.true(existsSync(join(options.directory, 'etc/hosts')));
});

rootTest('a hard link to a file of a lower layer brings the file up', async (t) => {
  const lower = tarOf([{ path: 'data', content: 'below', mode: 0o640, mtime: 77 }]);
  const below = optionsFor(t, lower, lower, { compression: 'none' });
  await unpack(below, lower);
  const upper = tarOf([{ path: 'link', linkTo: 'data' }]);
  const options = optionsFor(t, upper, upper, { compression: 'none' });
  const gaps = await unpack(options, upper);
  t.deepEqual(gaps.links, [{ path: 'link', target: 'data' }]);
  await t.throwsAsync(completeLayer(options.directory, [], gaps), { code: 'ERR_LAYER_CORRUPT' });
  t.is(await completeLayer(options.directory, [{ directory: below.directory }], gaps), 5);
  const [file, link] = ['data', 'link'].map((name) => statSync(join(options.directory, name)));
  t.is(link!.ino, file!.ino);
  t.like(link, { nlink: 2, mtimeMs: 77_000, size: 5 });
});
