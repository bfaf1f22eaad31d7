import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { isEngineError } from '../../lib/engine/index.ts';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { type AttackGround, openAttackGround } from '../fixtures/attack.ts';
import { openTestEngine } from '../fixtures/engine.ts';
import type { LayerInput } from '../fixtures/image.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { tarOf } from '../fixtures/tar.ts';

let ground: AttackGround;

test.before(async () => {
  ground = await openAttackGround();
});

test.after.always(async () => {
  await ground?.[Symbol.asyncDispose]();
});

test.serial('a path deeper than the kernel takes is refused, and its cost is bounded', async (t) => {
  await refused(t, { tar: longPathTar('d/'.repeat(200_000)) });
});

test.serial('a name longer than the kernel takes is refused', async (t) => {
  await refused(t, { tar: longPathTar('n'.repeat(10_000)) });
});

test.serial('an extended header of a size beyond reason is refused before it is read', async (t) => {
  await refused(t, { tar: headerOnly('x', 8 * 2 ** 30 - 1) });
});

test.serial('a long name of a size beyond reason is refused before it is read', async (t) => {
  await refused(t, { tar: headerOnly('L', 8 * 2 ** 30 - 1) });
});

test.serial('a tar that ends within a file is refused', async (t) => {
  const tar = tarOf([{ path: 'file', content: 'x'.repeat(4096) }]);
  await refused(t, { tar: tar.subarray(0, 2048) });
});

test.serial('a header with a wrong checksum is refused', async (t) => {
  const tar = tarOf([{ path: 'file', content: 'x' }]);
  tar.write('y', 0);
  await refused(t, { tar });
});

test.serial('an owner beyond 32 bits is refused and never becomes root', async (t) => {
  await refused(t, {
    tar: Buffer.concat([extendedHeader('uid', '4294967296'), tarOf([{ path: 'file', content: 'x' }])]),
  });
  await refused(t, {
    tar: Buffer.concat([extendedHeader('uid', '-4294967296'), tarOf([{ path: 'file', content: 'x' }])]),
  });
});

test.serial('a zstd layer that asks for a window of 2 GiB is refused, without that memory', async (t) => {
  const tar = tarOf([{ path: 'file', content: 'x'.repeat(1 << 20) }]);
  const bytes = execFileSync('zstd', ['-qc', '--ultra', '-1', '--long=31', '--no-content-size'], {
    input: tar,
  });
  const reference = ground.serveBlob({ mediaType: mediaTypes.ociLayerZstd, bytes, diffId: digestOf(tar) });
  await refusedReference(t, reference);
});

test.serial('a bomb of a thousand to one is refused at the limit of the configuration', async (t) => {
  const config = join(ground.canary.path, '../', `strake-limits-${process.pid}.json`);
  await writeFile(config, JSON.stringify({ limits: { layerSize: 64 * 2 ** 20 } }));
  t.teardown(() => rm(config));
  await using engine = await openTestEngine({ config });
  const tar = tarOf([{ path: 'zeros', content: Buffer.alloc(512 * 2 ** 20) }]);
  const bytes = gzipSync(tar, { level: 1 });
  const reference = ground.serveBlob({ mediaType: mediaTypes.ociLayerGzip, bytes, diffId: digestOf(tar) });
  await t.throwsAsync(Promise.resolve(engine.images.pull(reference)), { code: 'ERR_LAYER_TOO_LARGE' });
  const left = await mustRun('du', ['-sk', engine.root]);
  t.true(Number.parseInt(left, 10) < 4096, left);
});

test.serial('what follows the end of a gzip stream is refused when it is no gzip stream', async (t) => {
  const tar = tarOf([{ path: 'file', content: 'x' }]);
  const bytes = Buffer.concat([gzipSync(tar), Buffer.from('and more')]);
  const reference = ground.serveBlob({ mediaType: mediaTypes.ociLayerGzip, bytes, diffId: digestOf(tar) });
  await refusedReference(t, reference);
});

test.serial('a tar other than the config says is refused', async (t) => {
  const bytes = gzipSync(tarOf([{ path: 'file', content: 'x' }]));
  const diffId = digestOf(Buffer.from('another'));
  await refusedReference(t, ground.serveBlob({ mediaType: mediaTypes.ociLayerGzip, bytes, diffId }));
});

function refused(t: ExecutionContext, layer: LayerInput): Promise<void> {
  return refusedReference(t, ground.serve({ layers: [layer] }));
}

async function refusedReference(t: ExecutionContext, reference: string): Promise<void> {
  await using _ = await watchLeaks(t, ground.engine);
  const before = await peakMemory();
  const began = performance.now();
  const error = await Promise.resolve(ground.engine.images.pull(reference)).then(
    () => null,
    (reason: unknown) => reason,
  );
  t.true(
    isEngineError(error) && /^ERR_LAYER_(UNSAFE|CORRUPT|TOO_LARGE|DIFF_ID_MISMATCH)$/.test(error.code),
    String(error),
  );
  t.true(performance.now() - began < 10_000);
  t.true((await peakMemory()) - before < 256 * 1024, `${(await peakMemory()) - before} KiB more at the peak`);
  await t.throwsAsync(ground.engine.images.inspect(reference), { code: 'ERR_IMAGE_NOT_FOUND' });
}

/** A header whose entry's body is announced and never comes. */
function headerOnly(type: string, size: number): Buffer {
  const header = tarOf([{ path: 'announced' }]).subarray(0, 512);
  header.write(size.toString(8).padStart(11, '0'), 124);
  header.write(type, 156);
  return withChecksum(header);
}

/** pax(1): a record for the entry that follows. */
function extendedHeader(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length++;
  return entryOfType('x', Buffer.from(`${length}${body}`));
}

/** GNU's long name. */
function longPathTar(path: string): Buffer {
  return Buffer.concat([
    entryOfType('L', Buffer.from(`${path}\0`)),
    tarOf([{ path: 'short', content: 'x' }]),
  ]);
}

function entryOfType(type: string, content: Buffer): Buffer {
  const header = tarOf([{ path: 'meta' }]).subarray(0, 512);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write(type, 156);
  return Buffer.concat([withChecksum(header), content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function withChecksum(header: Buffer): Buffer {
  header.write(' '.repeat(8), 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** KiB, of this process. */
async function peakMemory(): Promise<number> {
  return Number(/^VmHWM:\s+(\d+)/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1]);
}
