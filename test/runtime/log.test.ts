import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { runTask } from '../../lib/runtime/index.ts';
import { BusyboxBundles } from '../fixtures/busybox-bundle.ts';

const bundles = new BusyboxBundles();
test.after.always(() => bundles[Symbol.dispose]());

interface Entry {
  log: string;
  stream: string;
  time: string;
}

async function logOf(command: string, options: { maxSize?: number; maxFile?: number } = {}) {
  const { runDir, bundle } = bundles.make(command);
  const path = join(runDir, 'container.log');
  const log = { driver: 'json-file', path, ...options } as const;
  await runTask(runDir, { ...bundle, task: { ...bundle.task, log, attach: {} } });
  return { path, entries: (suffix = '') => entriesOf(path + suffix) };
}

function entriesOf(path: string): Entry[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

test('the log has one entry for each line of output, in docker’s format', async (t) => {
  const { entries } = await logOf('echo "one <&> \\"two\\""; echo bad >&2; printf "no end"');
  const [first, ...rest] = entries().filter(({ stream }) => stream === 'stdout');
  t.is(first?.log, 'one <&> "two"\n');
  t.regex(first?.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  t.deepEqual(
    rest.map(({ log }) => log),
    ['no end'],
  );
  t.deepEqual(
    entries()
      .filter(({ stream }) => stream === 'stderr')
      .map(({ log }) => log),
    ['bad\n'],
  );
});

test('a terminal’s log is stdout', async (t) => {
  const { runDir, bundle } = bundles.make('echo hello >&2', { process: { terminal: true } });
  const log = { driver: 'json-file', path: join(runDir, 'container.log') } as const;
  await runTask(runDir, { ...bundle, task: { ...bundle.task, log } });
  const [entry] = entriesOf(log.path);
  t.is(entry?.log, 'hello\r\n');
  t.is(entry?.stream, 'stdout');
});

test('the log rotates, keeps as many files as asked, and loses no line in between', async (t) => {
  const { path, entries } = await logOf('i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done', {
    maxSize: 20_000,
    maxFile: 3,
  });
  t.false(existsSync(`${path}.3`));
  const numbers = [...entries('.2'), ...entries('.1'), ...entries()].map(({ log }) =>
    Number(log.split(' ')[1]),
  );
  t.is(numbers.at(-1), 1999);
  t.deepEqual(
    numbers,
    numbers.map((_, i) => (numbers[0] as number) + i),
  );
});

test('a log that cannot be written fails the start with its path', async (t) => {
  const { runDir, bundle } = bundles.make('true');
  const log = { driver: 'json-file', path: join(runDir, 'absent/container.log') } as const;
  const error = await t.throwsAsync(runTask(runDir, { ...bundle, task: { ...bundle.task, log } }));
  t.regex(error?.message ?? '', /absent\/container\.log/);
});
