import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { launchTask, runTask } from '../../lib/runtime/index.ts';
import { BusyboxBundles, interactive, monitorPid, textOf, until } from '../fixtures/busybox-bundle.ts';

const bundles = new BusyboxBundles();
test.after.always(() => bundles[Symbol.dispose]());

test('100 MB arrive whole, in order and to the last byte', async (t) => {
  const { runDir, bundle } = bundles.make('head -c 100000000 /dev/zero | tr "\\0" "a"; printf end');
  const task = await launchTask(runDir, bundle);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of task.stdout) {
    hash.update(chunk);
    size += chunk.length;
  }
  t.is(size, 100_000_003);
  const expected = createHash('sha256').update(Buffer.alloc(100_000_000, 'a')).update('end');
  t.is(hash.digest('hex'), expected.digest('hex'));
  t.is((await task.exited).exitCode, 0);
});

test('what is written just before the end is never lost', async (t) => {
  for (let i = 0; i < 20; i++) {
    const { runDir, bundle } = bundles.make('head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2');
    const { stdout, stderr } = await runTask(runDir, bundle);
    t.is(stdout.length, 60_000);
    t.is(stderr.length, 60_000);
  }
});

test('stdin goes through a filter unchanged, however large', async (t) => {
  const input = randomBytes(5_000_000);
  const { runDir, bundle } = bundles.make(['/bin/cat'], { task: interactive });
  const { stdout } = await runTask(runDir, bundle, { input });
  t.true(stdout.equals(input));
});

test('stdin may be a stream that outlives the command', async (t) => {
  const input = new Readable({ read() {} });
  input.push('one\ntwo\n');
  const { runDir, bundle } = bundles.make('head -n 1', { task: interactive });
  const { stdout, status } = await runTask(runDir, bundle, { input });
  t.is(stdout.toString(), 'one\n');
  t.is(status.exitCode, 0);
  t.false(input.destroyed);
});

test('ending stdin leaves the output open', async (t) => {
  const { runDir, bundle } = bundles.make('cat; echo after', { task: interactive });
  const task = await launchTask(runDir, bundle);
  task.stdin.write('before\n');
  task.stdin.end();
  t.is(await textOf(task.stdout), 'before\nafter\n');
});

test('without stdin a command reads end-of-file at once', async (t) => {
  const { runDir, bundle } = bundles.make('cat; echo done');
  t.is((await runTask(runDir, bundle)).stdout.toString(), 'done\n');
});

test('once: stdin ends when the client hangs up', async (t) => {
  const { runDir, bundle } = bundles.make('cat >/tmp/once; echo ended >>/tmp/once', { task: interactive });
  const task = await launchTask(runDir, bundle);
  await new Promise<void>((resolve) => task.stdin.write('said\n', () => resolve()));
  task.detach();
  const file = join(bundles.root, 'tmp/once');
  t.true(await until(() => existsSync(file) && readFileSync(file, 'utf8') === 'said\nended\n'));
});

test('open: stdin stays when the client hangs up', async (t) => {
  const { runDir, bundle } = bundles.make('cat', { task: { ...interactive, stdin: 'open' } });
  const task = await launchTask(runDir, bundle);
  task.detach();
  await delay(300);
  t.true(task.kill(9));
});

test('a client that does not read stops the container, not the monitor, whose memory stays small', async (t) => {
  const { runDir, bundle } = bundles.make(
    'i=0; while [ $i -lt 3000 ]; do head -c 10000 /dev/zero; i=$((i+1)); done',
  );
  const task = await launchTask(runDir, bundle);
  task.stdout.pause();
  await delay(500);
  const status = readFileSync(`/proc/${monitorPid(runDir)}/status`, 'utf8');
  t.true(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) < 4096);
  let size = 0;
  for await (const chunk of task.stdout) size += chunk.length;
  t.is(size, 30_000_000);
});

test('output that nobody is attached to is dropped and stops nobody', async (t) => {
  const { runDir, bundle } = bundles.make('head -c 3000000 /dev/zero', { task: { attach: {} } });
  const { stdout, status } = await runTask(runDir, bundle);
  t.is(stdout.length, 0);
  t.is(status.exitCode, 0);
});

test('a stream that is destroyed stops nobody', async (t) => {
  const { runDir, bundle } = bundles.make('head -c 3000000 /dev/zero; exit 4');
  const task = await launchTask(runDir, bundle);
  task.stdout.destroy();
  t.is((await task.exited).exitCode, 4);
});

const terminal = { process: { terminal: true }, task: { ...interactive, terminal: { rows: 33, cols: 111 } } };

test('a terminal has the size that was asked for, and each one after', async (t) => {
  const { runDir, bundle } = bundles.make('stty size; read x; stty size', terminal);
  const task = await launchTask(runDir, bundle);
  let output = '';
  task.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  t.true(await until(() => output.includes('33 111')));
  task.resize(50, 132);
  task.stdin.write('\n');
  t.true(await until(() => output.includes('50 132')), output);
  t.is((await task.exited).exitCode, 0);
});

test('a terminal tells of its new size by SIGWINCH, and ^C interrupts', async (t) => {
  const { runDir, bundle } = bundles.make(
    "trap 'echo resized' WINCH; trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.05; done",
    terminal,
  );
  const task = await launchTask(runDir, bundle);
  let output = '';
  task.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  t.true(await until(() => output.includes('ready')));
  task.resize(10, 20);
  t.true(await until(() => output.includes('resized')));
  task.stdin.write('\x03');
  t.is((await task.exited).exitCode, 3);
  t.true(output.includes('interrupted'));
});

test('a terminal loses nothing at the end', async (t) => {
  for (let i = 0; i < 10; i++) {
    const { runDir, bundle } = bundles.make(
      'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done',
      terminal,
    );
    const { stdout } = await runTask(runDir, bundle);
    t.true(stdout.toString().endsWith('line 1999\r\n'));
    t.is(stdout.toString().split('\r\n').length, 2001);
  }
});
