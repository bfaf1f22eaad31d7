import {
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { writeWhole } from '../../lib/scratch/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

async function* pieces(...texts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}

test('a file appears when it is complete, with its mode, also behind a link', async (t) => {
  const folder = temporaryFolder(t);
  const [path, link] = [join(folder, 'file'), join(folder, 'link')];
  writeFileSync(path, 'before');
  symlinkSync('file', link);
  await writeWhole(link, pieces('a', 'b'), { mode: 0o600 });
  t.is(readFileSync(path, 'utf8'), 'ab');
  t.is(lstatSync(path).mode & 0o777, 0o600);
  t.true(lstatSync(link).isSymbolicLink());
  t.deepEqual(readdirSync(folder).sort(), ['file', 'link']);
});

test('what fails or is aborted leaves what was there, and nothing else', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'file');
  writeFileSync(path, 'before');
  await t.throwsAsync(writeWhole(path, pieces('a', new Error('cut'))), { message: 'cut' });
  const signal = AbortSignal.abort();
  await t.throwsAsync(writeWhole(path, pieces('a'), { signal }), { name: 'AbortError' });
  t.is(readFileSync(path, 'utf8'), 'before');
  t.deepEqual(readdirSync(folder), ['file']);
});

test('an open file by the number of its descriptor is written to and its link not replaced', async (t) => {
  const folder = temporaryFolder(t);
  const [path, link] = [join(folder, 'file'), join(folder, 'stdout')];
  symlinkSync(`/proc/self/fd/${openSync(path, 'w')}`, link);
  await writeWhole(link, pieces('a', 'b'));
  t.true(lstatSync(link).isSymbolicLink());
  t.is(readFileSync(path, 'utf8'), 'ab');
  t.deepEqual(readdirSync(folder).sort(), ['file', 'stdout']);
});

test('a folder that is not there, and one in place of a file, are refused with what to do', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'there'));
  const code = 'ERR_INVALID_ARGUMENT';
  await t.throwsAsync(writeWhole(join(folder, 'no/file'), pieces('a')), {
    code,
    message: /no folder .*no: make it/,
  });
  await t.throwsAsync(writeWhole(join(folder, 'there'), pieces('a')), {
    code,
    message: /it is a folder: name/,
  });
  t.deepEqual(readdirSync(folder), ['there']);
});
