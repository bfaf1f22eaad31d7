import { join } from 'node:path';
import test from 'ava';
import { type ApiDaemon, startStrakeApi } from '../fixtures/api-daemon.ts';
import { canRun } from '../fixtures/oci-engines.ts';
import { runProgram } from '../fixtures/run-program.ts';

/** Debian's own, which has python3-docker. */
const python = '/usr/bin/python3';

const facts: Readonly<Record<string, unknown>> = {
  'a container is run for its output, or fails with its error': ['said\n', 3, 'why\n'],
  'what is not there is an error of its own class': ['ImageNotFound', 'NotFound', 'NotFound', 'NotFound'],
  'exec is whole, streamed, or a socket': [4, ['out\n', 'err\n'], 'streamed\n', 'by socket\n'],
  'a container is attached to by a websocket': 'by websocket\nby websocket\n',
  'logs are followed to the end': ['1\n2\n3\n', 0, '3\n'],
  'attached before its start, a container is heard': 'attached\n',
  'archives go in and out, and changes are seen': [true, 'file', 5, 'bytes', ['/tmp', '/tmp/file']],
  'events are told as they come': ['create', 'start', 'die', 'destroy'],
  'a container lives by all of its verbs': [
    ['running', 'paused', 'running', 'exited', 'running'],
    'sh',
    true,
    137,
  ],
  'networks have aliases and published ports': ['page\n', true, [true]],
  'volumes outlive containers': ['kept\n', ['py']],
  'images are committed, saved and loaded': ['new\n', ['made:py'], 'new\n'],
  'the server describes itself': [true, 'linux', 'linux', true],
};

const hasDocker =
  (await runProgram(python, ['-c', 'import docker, websocket']).catch(() => ({ code: 1 }))).code === 0;
if (!hasDocker)
  console.log('skipped: needs python3-docker and python3-websocket (script/setup --tests installs them)');
if (hasDocker && (await canRun('skopeo'))) defineTests();
else test.skip('docker-py works at strake serve', () => {});

function defineTests(): void {
  let daemon: ApiDaemon;

  test.before(async () => {
    daemon = await startStrakeApi();
  });

  test.after.always(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  test.serial('what docker-py does comes out as it should', async (t) => {
    t.timeout(120_000);
    const program = join(import.meta.dirname, '../fixtures/docker-py-program.py');
    const { code, stdout, stderr } = await daemon.client([python, program], { timeout: 100_000 });
    const seen = Object.fromEntries(
      stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    );
    t.deepEqual(seen, facts, stderr);
    t.is(code, 0);
    t.is(await daemon.must('ps', '-aq'), '');
  });
}
