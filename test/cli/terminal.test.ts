import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type TestFn } from 'ava';
import { DetachScanner, parseDetachKeys } from '../../lib/cli/terminal.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openStrake, program, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;
const driver = fileURLToPath(new URL('pty-driver.py', import.meta.url));

test.before(async (t) => {
  t.context = await openStrake();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

/** Runs strake on a pseudo terminal of 40 rows and 100 columns; `steps` are what is awaited and what is then typed. */
function onTerminal(
  root: string,
  argv: readonly string[],
  steps: readonly [string, string][],
  env: NodeJS.ProcessEnv = {},
) {
  return new Promise<{ code: number | null; output: string }>((resolve) => {
    const words = [driver, JSON.stringify(steps), process.execPath, program, ...argv];
    const child = spawn('python3', words, {
      env: { ...process.env, ...env, STRAKE_ROOT: root },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('close', (code) => resolve({ code, output }));
  });
}

test.serial('with -it the command has a terminal of the right size, and keys reach it raw', async (t) => {
  const { root, image } = t.context;
  const script = 'tty; stty size; echo $TERM; read -r line; echo "<$line>"; exit 4';
  const { code, output } = await onTerminal(
    root,
    ['run', '--rm', '-it', image, 'sh', '-c', script],
    [['xterm', 'typed\r']],
  );
  t.is(code, 4, output);
  t.regex(output, /\/dev\/pts\/0\r\n40 100\r\nxterm\r\n/);
  t.regex(output, /<typed>/);
  t.regex(output, /restored: yes/);
});

test.serial('ctrl-c goes to the command, not to strake', async (t) => {
  const { root, image } = t.context;
  const script = 'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.05; done';
  const { code, output } = await onTerminal(
    root,
    ['run', '--rm', '-it', image, 'sh', '-c', script],
    [['ready', '\x03']],
  );
  t.is(code, 9, output);
  t.regex(output, /interrupted/);
});

test.serial('a change of the size reaches the command', async (t) => {
  const { root, image } = t.context;
  const script = 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done';
  const { output } = await onTerminal(
    root,
    ['run', '--rm', '-it', image, 'sh', '-c', script],
    [['ready', 'RESIZE 50 120']],
  );
  t.regex(output, /50 120/);
});

test.serial('ctrl-p ctrl-q detaches, and attach comes back', async (t) => {
  const { root, image, run } = t.context;
  const script = 'while read -r line; do echo "<$line>"; [ "$line" = end ] && exit 6; done';
  const first = await onTerminal(
    root,
    ['run', '--name', 'tied', '-it', image, 'sh', '-c', script],
    [
      ['', 'one\r'],
      ['<one>', '\x10\x11'],
    ],
  );
  t.is(first.code, 0, first.output);
  t.regex(first.output, /restored: yes/);
  t.is((await run(['inspect', '-f', '{{.state.status}}', 'tied'])).stdout, 'running\n');
  const second = await onTerminal(
    root,
    ['attach', 'tied'],
    [
      ['', 'two\r'],
      ['<two>', 'end\r'],
    ],
  );
  t.is(second.code, 6, second.output);
  await run(['rm', 'tied']);
});

test.serial(
  'the configuration has other keys, which the flag overrides, and a wrong one starts nothing',
  async (t) => {
    const { root, image, run } = t.context;
    const folder = temporaryFolder(t);
    const config = join(folder, 'config.json');
    const env = { STRAKE_CONFIG: config };
    writeFileSync(config, JSON.stringify({ terminal: { detachKeys: 'ctrl-a,d' } }));
    const script = 'while read -r line; do echo "<$line>"; done';
    const steps = (keys: string): [string, string][] => [
      ['', 'one\r'],
      ['<one>', keys],
    ];
    const first = ['run', '--name', 'keys', '-it', image, 'sh', '-c', script];
    t.is((await onTerminal(root, first, steps('\x01d'), env)).code, 0);
    const again = ['attach', '--detach-keys', 'x', 'keys'];
    t.is((await onTerminal(root, again, steps('x'), env)).code, 0);
    t.is((await run(['inspect', '-f', '{{.State.Status}}', 'keys'])).stdout, 'running\n');
    writeFileSync(config, JSON.stringify({ terminal: { detachKeys: 'alt-x' } }));
    const wrong = await onTerminal(root, ['run', '--name', 'wrong', '-it', image, 'true'], [], env);
    t.regex(wrong.output, /terminal\.detachKeys must be letters and ctrl-<letter>/);
    t.is((await run(['inspect', 'wrong'])).code, 1);
    await run(['rm', '-f', 'keys']);
  },
);

test.serial('exec -it has a terminal of its own', async (t) => {
  const { root, image, run } = t.context;
  await run(['run', '-d', '--name', 'host', image, 'sleep', '100']);
  const { code, output } = await onTerminal(
    root,
    ['exec', '-it', 'host', 'sh', '-c', 'tty; stty size; exit 2'],
    [],
  );
  t.is(code, 2, output);
  t.regex(output, /\/dev\/pts\/\d+\r\n40 100/);
  await run(['rm', '-f', 'host']);
});

test('the detach keys are found across chunks, and nothing else is kept back', (t) => {
  const scanner = new DetachScanner();
  t.deepEqual(scanner.scan(Buffer.from('ab\x10')), { pass: Buffer.from('ab'), detached: false });
  t.deepEqual(scanner.scan(Buffer.from('c')), { pass: Buffer.from('\x10c'), detached: false });
  t.deepEqual(scanner.scan(Buffer.from('\x10\x10')), { pass: Buffer.from('\x10'), detached: false });
  t.deepEqual(scanner.scan(Buffer.from('\x11rest')), { pass: Buffer.from(''), detached: true });
});

test('detach keys are read as docker writes them', (t) => {
  t.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), [16, 17]);
  t.deepEqual(parseDetachKeys('ctrl-@,ctrl-[,x'), [0, 27, 120]);
  t.is(parseDetachKeys('ctrl-'), undefined);
  t.is(parseDetachKeys('alt-x'), undefined);
  t.is(parseDetachKeys('é'), undefined);
});

test.serial('login asks for name and password, and does not show the password', async (t) => {
  const login = { user: 'me', password: 'geheim' };
  await using registry = await startRegistry({ login });
  const folder = temporaryFolder(t);
  const argv = ['login', registry.address];
  const typed: [string, string][] = [
    ['Username:', 'me\r'],
    ['Password:', 'falsch\x15geheimX\x7f\r'],
  ];
  const { code, output } = await onTerminal(t.context.root, argv, typed, { DOCKER_CONFIG: folder });
  t.is(code, 0, output);
  t.regex(output, /Login Succeeded/);
  t.regex(output, /restored: yes/);
  t.notRegex(output, /geheim|falsch/);
  const { auths } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  t.is(Buffer.from(auths[registry.address].auth, 'base64').toString(), 'me:geheim');
});
