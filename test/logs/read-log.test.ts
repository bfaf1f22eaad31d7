import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type LogOptions, readLog } from '../../lib/logs/index.ts';

const line = (text: string, time = '2026-01-01T00:00:00Z', stream = 'stdout') =>
  `${JSON.stringify({ log: text, stream, time })}\n`;

async function texts(path: string, options?: LogOptions, ended?: Promise<unknown>): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of readLog(path, options, ended)) found.push(entry.text);
  return found;
}

async function temporaryLog(t: { teardown(step: () => unknown): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'strake-log-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return join(directory, 'container.log');
}

test('a log that is not there yet is empty', async (t) => {
  t.deepEqual(await texts(await temporaryLog(t)), []);
});

test('rotated files are read oldest first', async (t) => {
  const path = await temporaryLog(t);
  await writeFile(`${path}.2`, line('a\n'));
  await writeFile(`${path}.1`, line('b\n') + line('c\n'));
  await writeFile(path, line('d\n'));
  t.deepEqual(await texts(path), ['a\n', 'b\n', 'c\n', 'd\n']);
});

test('tail takes the last lines, across files and across chunks', async (t) => {
  const path = await temporaryLog(t);
  const long = 'x'.repeat(50_000);
  await writeFile(`${path}.1`, line('a\n') + line('b\n'));
  await writeFile(path, [1, 2, 3, 4].map((n) => line(`${n}${long}\n`)).join(''));
  t.deepEqual(await texts(path, { tail: 0 }), []);
  t.deepEqual(
    (await texts(path, { tail: 2 })).map((text) => text[0]),
    ['3', '4'],
  );
  t.deepEqual(
    (await texts(path, { tail: 5 })).map((text) => text[0]),
    ['b', '1', '2', '3', '4'],
  );
  t.is((await texts(path, { tail: 100 })).length, 6);
});

test('since and until compare nanoseconds, though the log drops trailing zeros', async (t) => {
  const path = await temporaryLog(t);
  const at = ['00:00:00Z', '00:00:00.12Z', '00:00:00.123Z', '00:00:00.123000001Z', '00:00:01Z'];
  await writeFile(path, at.map((time, index) => line(`${index}`, `2026-01-01T${time}`)).join(''));
  t.deepEqual(await texts(path, { since: '2026-01-01T00:00:00.123Z' }), ['2', '3', '4']);
  t.deepEqual(await texts(path, { until: '2026-01-01T00:00:00.123Z' }), ['0', '1', '2']);
  t.deepEqual(
    await texts(path, { since: new Date('2026-01-01T00:00:00.120Z'), until: '2026-01-01T00:00:00.5Z' }),
    ['1', '2', '3'],
  );
});

test('one stream can be chosen', async (t) => {
  const path = await temporaryLog(t);
  await writeFile(path, line('out') + line('err', undefined, 'stderr'));
  t.deepEqual(await texts(path, { stdout: false }), ['err']);
});

test('a torn line and one without a sense are passed over', async (t) => {
  const path = await temporaryLog(t);
  await writeFile(path, `{"log":"torn\n${line('whole\n')}null\n[]\n${line('more\n')}{"log":"unfinished`);
  t.deepEqual(await texts(path), ['whole\n', 'more\n']);
});

test('following goes on through rotations and ends with the container', async (t) => {
  const path = await temporaryLog(t);
  await writeFile(path, line('0'));
  const ending = withResolvers();
  const following = texts(path, { follow: true }, ending.promise);
  for (let n = 1; n <= 20; n++) {
    await appendFile(path, line(`${n}`));
    if (n % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    if (n % 5 === 0) {
      await rename(`${path}.1`, `${path}.2`).catch(() => undefined);
      await rename(path, `${path}.1`);
      await writeFile(path, '');
    }
    if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await appendFile(path, line('last'));
  ending.resolve(undefined);
  t.deepEqual(await following, [...Array.from({ length: 21 }, (_, n) => `${n}`), 'last']);
});

test('an aborted reader stops at once', async (t) => {
  const path = await temporaryLog(t);
  await writeFile(path, line('a'));
  const abort = new AbortController();
  const following = texts(path, { follow: true, signal: abort.signal }, new Promise(() => undefined));
  setTimeout(() => abort.abort(), 20);
  await t.throwsAsync(following, { code: 'ERR_ABORTED' });
});

test('a bad tail and a bad time are refused', async (t) => {
  const path = await temporaryLog(t);
  await t.throwsAsync(texts(path, { tail: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
  await t.throwsAsync(texts(path, { since: 'yesterday' }), { code: 'ERR_INVALID_ARGUMENT' });
});

function withResolvers() {
  let resolve: (value: unknown) => void = () => undefined;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
