import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { openStrake, program, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;

/** Bytes, as a new pipe has it. */
const pipeCapacity = 64 * 1024;
/** More than a pipe holds by less than the 16 KiB up to which a stream's write() answers true. */
const lines = numberedLines(pipeCapacity + 8 * 1024);

test.before(async (t) => {
  t.context = await openStrake();
  const { image, run } = t.context;
  await run(['run', '--name', 'numbers', '-i', image, 'cat'], { input: lines });
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

test.serial('what the pipe does not hold when the command ends waits for a reader who is late', async (t) => {
  const { root, image } = t.context;
  t.is(await readLate(root, ['run', '--rm', '-i', image, 'cat'], lines), lines);
});

test.serial('on stderr, too', async (t) => {
  const { root, image } = t.context;
  const argv = ['run', '--rm', '-i', image, 'sh', '-c', 'cat >&2'];
  t.is(await readLate(root, argv, lines, '2>&1 >/dev/null'), lines);
});

test.serial('so does a log', async (t) => {
  t.is(await readLate(t.context.root, ['logs', 'numbers']), lines);
});

test.serial('so does what is written at once', async (t) => {
  const { root, run } = t.context;
  const argv = ['inspect', '-f', '{{json .}}'];
  const { stdout: one } = await run([...argv, 'numbers']);
  t.true(one.length > 800);
  t.is(await readLate(root, [...argv, ...Array<string>(100).fill('numbers')]), one.repeat(100));
});

test.serial('a reader who goes without having read ends it as SIGPIPE ends a program', async (t) => {
  const child = t.context.spawn(['inspect', ...Array<string>(900).fill('numbers')]);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await untilPaused(child);
  t.is(child.exitCode, null, 'it waits');
  child.stdout?.destroy();
  t.is(await exited, 141);
});

test('the command line writes by stdout() and stderr() of output.ts, or flushed() would not know', (t) => {
  const folder = new URL('../../lib/cli/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  t.deepEqual(
    files.filter((file) =>
      /process\.std(out|err)\.write|console\.log/.test(readFileSync(new URL(file, folder), 'utf8')),
    ),
    [],
  );
});

/** What whoever reads from a second after the start gets. */
async function readLate(
  root: string,
  argv: readonly string[],
  input = '',
  redirection = '',
): Promise<string> {
  const script = `"$@" ${redirection} | (sleep 1; cat)`;
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, program, ...argv], {
    env: { ...process.env, STRAKE_ROOT: root },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(input);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

/** It has had the time to write what it can. */
async function untilPaused(child: ChildProcess): Promise<void> {
  await new Promise((resolve) => child.stdout?.once('readable', resolve));
  await sleep(1000);
}

/** Which byte is missing can be seen. */
function numberedLines(size: number): string {
  return Array.from({ length: size / 8 }, (_, index) => `${String(index).padStart(7, '0')}\n`).join('');
}
