import { join } from 'node:path';
import test from 'ava';
import { type ApiDaemon, dockerCommand, startStrakeApi } from '../fixtures/api-daemon.ts';
import { canRun } from '../fixtures/oci-engines.ts';
import { loadRyuk } from '../fixtures/ryuk-image.ts';
import { Transcript } from '../fixtures/transcript.ts';

const facts: Readonly<Record<string, unknown>> = {
  'a container that listens is waited for and answers': 'page\n',
  'a log message is waited for': true,
  'health is waited for': '/ok\n',
  'an HTTP answer is waited for': true,
  'a command that succeeds, and an end that is a success, are waited for': 64,
  'exec has its exit code, both outputs, environment, directory and user': {
    exitCode: 3,
    stdout: 'b /tmp 1000\n',
    stderr: 'err\n',
  },
  'files are copied into a container before its start and while it runs, and out of it': [
    'beforewhile600\ncopied\n',
    true,
  ],
  'containers on a network know each other by alias': 'page\n',
  'a container is reused': true,
  'a container is stopped, started again and removed': ['page\n', true],
  'limits, tmpfs, environment and labels are the container’s': 'hello\n1000\n1024\n',
  'an image that nobody has is an error': 'refused',
  'a container is left behind': '/left',
};

if (await canRun(dockerCommand, 'gcc', 'skopeo')) defineTests();
else test.skip('testcontainers work at strake serve', () => {});

function defineTests(): void {
  let daemon: ApiDaemon;

  test.before(async () => {
    daemon = await startStrakeApi();
    await loadRyuk(daemon);
  });

  test.after.always(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  test.serial('a suite of testcontainers runs, and Ryuk removes what it leaves', async (t) => {
    t.timeout(180_000);
    const program = join(import.meta.dirname, '../fixtures/testcontainers-program.ts');
    const environment = ['RYUK_RECONNECTION_TIMEOUT=1s', 'TESTCONTAINERS_RYUK_RECONNECTION_TIMEOUT=1s'];
    const argv = ['env', ...environment, process.execPath, `--import=${import.meta.resolve('tsx')}`, program];
    const { code, stdout, stderr } = await daemon.client(argv, { timeout: 150_000 });
    const lines = stdout.split('\n').filter(Boolean);
    t.deepEqual(Object.fromEntries(lines.map((line) => JSON.parse(line))), facts, stderr);
    t.is(code, 0);
    await new Transcript(daemon).until('', 'ps', '-aq');
    t.is(await daemon.must('network', 'ls', '-q', '--filter', 'label=org.testcontainers=true'), '');
  });
}
