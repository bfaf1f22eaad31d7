import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { Command } from 'commander';
import { addContainerFlags } from '../../lib/cli/container-flags.ts';
import { refusedFlags } from '../../lib/cli/refused-flags.ts';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;

test.before(async (t) => {
  t.context = await openStrake();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

/** `docker create --help`, 28.2, but --attach, which run and create add themselves, and --storage-opt (test/cli/volumes). */
const dockerFlags =
  `add-host annotation blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile
  cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems device
  device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops disable-content-trust dns dns-option
  dns-search domainname entrypoint env env-file expose gpus group-add health-cmd health-interval health-retries
  health-start-interval health-start-period health-timeout hostname init interactive io-maxbandwidth io-maxiops ip ip6 ipc
  isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory memory-reservation
  memory-swap memory-swappiness mount name network network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit
  platform privileged publish publish-all pull quiet read-only restart rm runtime security-opt shm-size stop-signal
  stop-timeout sysctl tmpfs tty ulimit use-api-socket user userns uts volume volume-driver volumes-from
  workdir`.split(/\s+/);

test('every flag of docker run is known: taken, or refused with its reason', (t) => {
  const known = addContainerFlags(new Command()).options.map(({ long }) => long);
  t.deepEqual(
    dockerFlags.filter((flag) => !known.includes(`--${flag}`)),
    [],
  );
});

test('docs/cli.md lists what is refused, with the same reasons', (t) => {
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  for (const [flags, reason] of refusedFlags)
    t.true(page.includes(`| \`${flags.split(' <')[0]}\` | ${reason} |`), flags);
});

for (const [flags, reason] of refusedFlags) {
  const [flag = '', value] = (flags.split(', ').at(-1) ?? '').split(' ');
  test.serial(`refused with its reason: ${flag}`, async (t) => {
    const argv = ['run', '--rm', flag, ...(value ? ['1'] : []), t.context.image, 'true'];
    const { code, stderr } = await t.context.run(argv);
    t.is(code, 125);
    t.is(stderr, `strake: ${flag} is not available: ${reason}\n`);
  });
}

const refusals: [argv: string[], code: number, message: RegExp][] = [
  [['run', '-d', '-a', 'stdout', 'IMAGE', 'true'], 125, /conflicting options: --attach and --detach/],
  [['run', '-a', 'printer', 'IMAGE', 'true'], 125, /valid streams are STDIN, STDOUT and STDERR/],
  [['run', '--volume-driver', 'nfs', 'IMAGE', 'true'], 125, /only local/],
  [['run', '--disable-content-trust=false', 'IMAGE', 'true'], 125, /not verified here/],
  [['run', '--log-opt', 'mode=non-blocking', 'IMAGE', 'true'], 125, /output is never dropped here/],
  [['run', '--log-driver', 'syslog', 'IMAGE', 'true'], 125, /log\.driver.*json-file, local, none/],
  [
    ['run', '--network', 'host', '--sysctl', 'net.core.somaxconn=1', 'IMAGE', 'true'],
    125,
    /not allowed in host network namespace/,
  ],
  [['run', '--pid', 'container:nobody', 'IMAGE', 'true'], 125, /no container "?nobody/],
  [
    ['run', '--rm', '--device', 'vendor.com/gpu=0', 'IMAGE', 'true'],
    125,
    /unresolvable CDI device vendor\.com\/gpu=0: .*\/etc\/cdi/,
  ],
  [['port', 'nobody'], 1, /no container/],
];

for (const [argv, code, message] of refusals) {
  test.serial(`refused: ${argv.join(' ')}`, async (t) => {
    const output = await t.context.run(argv.map((word) => (word === 'IMAGE' ? t.context.image : word)));
    t.is(output.code, code, output.stderr);
    t.regex(output.stderr, message);
    t.deepEqual(await t.context.leftovers(), []);
  });
}

test.serial('only the streams that are asked for are attached', async (t) => {
  const { run, image } = t.context;
  const argv = ['sh', '-c', 'echo out; echo err >&2'];
  const { stdout, stderr } = await run(['run', '--rm', '-a', 'stderr', image, ...argv]);
  t.deepEqual([stdout, stderr], ['', 'err\n']);
});

test.serial('labels from a file, before those of --label', async (t) => {
  const { run, image, root } = t.context;
  appendFileSync(join(root, 'labels'), '# comment\na=1\nb=2\n\nc\n');
  await run([
    'create',
    '--name',
    'labelled',
    '--label-file',
    join(root, 'labels'),
    '-l',
    'b=3',
    '--expose',
    '80',
    image,
    'true',
  ]);
  const { stdout } = await run(['container', 'inspect', 'labelled']);
  const [document] = JSON.parse(stdout);
  t.deepEqual(document.Config.Labels, { a: '1', b: '3', c: '' });
  t.deepEqual(document.Config.ExposedPorts, { '80/tcp': {} });
  t.is((await run(['port', 'labelled'])).stdout, '');
  t.regex((await run(['port', 'labelled', '80'])).stderr, /no public port '80\/tcp' published for labelled/);
  t.is((await run(['wait', 'labelled'])).stdout, '0\n'); // docker's: it is not running
  await run(['container', 'remove', 'labelled']);
});

test.serial('nouns have the other names of their verbs', async (t) => {
  const { run } = t.context;
  for (const argv of [
    ['container', 'ls'],
    ['container', 'list'],
    ['container', 'ps'],
    ['image', 'list'],
    ['volume', 'list'],
  ])
    t.is((await run(argv)).code, 0, argv.join(' '));
  t.is((await run(['container', 'none'])).code, 1);
});

test.serial('a container whose record is damaged is told of, and the others are listed', async (t) => {
  const { run, image, root } = t.context;
  const { stdout: whole } = await run(['create', image, 'true']);
  const { stdout: broken } = await run(['create', image, 'true']);
  const record = join(root, 'containers', broken.trim(), 'record.json');
  t.true(readdirSync(join(root, 'containers', broken.trim())).includes('record.json'));
  appendFileSync(record, 'damage');
  const { code, stdout, stderr } = await run(['ps', '-aq', '--no-trunc']);
  t.deepEqual([code, stdout], [0, whole]);
  t.regex(stderr, /^strake: warning: .*record\.json is no container record.*system check --repair.*\n$/);
  t.true(stderr.includes(record));
  await run(['system', 'check', '--repair']);
  t.is((await run(['ps', '-a'])).stderr, '');
});

test.serial('ps --size shows what was written', async (t) => {
  const { run, image } = t.context;
  await run(['run', '--name', 'sized', image, 'sh', '-c', 'echo some > /written']);
  t.regex((await run(['ps', '-a', '--size'])).stdout, /NAMES +SIZE\n.* sized +[\d.]+ ?k?B\n/);
});
