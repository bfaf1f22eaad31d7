import { createHash as nodeHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { createHash, hashFile } from '../../bindings/hash.ts';
import { isEngineError } from '../../lib/errors/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const sha256 = (data: Uint8Array) => nodeHash('sha256').update(data).digest('hex');

test('a hash fed in any pieces agrees with node:crypto', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (pieces) => {
      const hash = createHash();
      for (const piece of pieces) hash.update(piece);
      return hash.digest() === sha256(Buffer.concat(pieces));
    }),
  );
  t.pass();
});

test('digest() may be asked in between', (t) => {
  const hash = createHash();
  hash.update(Buffer.from('ab'));
  t.is(hash.digest(), sha256(Buffer.from('ab')));
  hash.update(Buffer.from('c'));
  t.is(hash.digest(), sha256(Buffer.from('abc')));
});

test('a hash goes on from what another has saved, and from nothing else', (t) => {
  const data = Buffer.from('strake '.repeat(50));
  for (const cut of [0, 5, 64, 200, data.length]) {
    const first = createHash();
    first.update(data.subarray(0, cut));
    const second = createHash(first.save());
    second.update(data.subarray(cut));
    t.is(second.digest(), sha256(data), `cut at ${cut}`);
  }
  for (const wrong of [Buffer.alloc(0), Buffer.alloc(39), Buffer.alloc(41)])
    t.throws(() => createHash(wrong), { instanceOf: TypeError });
});

test('a file is hashed whole, from an offset, and for a length', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  const data = Buffer.alloc(1_000_003, 'strake');
  writeFileSync(path, data);
  t.is(await hashFile(path), sha256(data));
  t.is(await hashFile(path, 999_000), sha256(data.subarray(999_000)));
  t.is(await hashFile(path, 5, 700_000), sha256(data.subarray(5, 700_005)));
  t.is(await hashFile(path, 0, 0), sha256(Buffer.alloc(0)));
});

test('a file that is absent is an EngineError with the failed call', async (t) => {
  const error = await t.throwsAsync(hashFile('/absent/file'));
  t.true(isEngineError(error, 'ERR_SYSTEM'));
  t.like(error, { details: { errno: 'ENOENT', syscall: 'open', path: '/absent/file' } });
});
