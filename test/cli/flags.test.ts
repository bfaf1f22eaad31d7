import test from 'ava';
import { Command } from 'commander';
import { withoutBooleanValues } from '../../lib/cli/boolean-flags.ts';
import { addContainerFlags } from '../../lib/cli/container-flags.ts';
import {
  parseDeviceFlag,
  parseEnvFile,
  parseEnvFlag,
  parseSecurityFlags,
  parseUlimitFlag,
} from '../../lib/cli/flag-values.ts';
import { formatDuration, formatSize, formatTable, printable } from '../../lib/cli/format.ts';
import { parseLogTime } from '../../lib/cli/log-time.ts';
import { parseMountFlag, parseTmpfsFlag, parseVolumeFlag } from '../../lib/cli/mount-flags.ts';
import { compileTemplate } from '../../lib/cli/template.ts';

const invalid = { code: 'ERR_INVALID_ARGUMENT' } as const;

const volumes: [value: string, expected: object | null][] = [
  ['/a', { type: 'volume', target: '/a' }],
  ['data:/a', { type: 'volume', name: 'data', target: '/a', readOnly: false, copy: true }],
  ['/h:/a', { type: 'bind', source: '/h', target: '/a', readOnly: false, createSource: true }],
  ['/h:/a:ro', { type: 'bind', source: '/h', target: '/a', readOnly: true, createSource: true }],
  [
    './h:/a:ro,rslave',
    {
      type: 'bind',
      source: '/cwd/h',
      target: '/a',
      readOnly: true,
      createSource: true,
      propagation: 'rslave',
    },
  ],
  ['data:/a:z,ro', { type: 'volume', name: 'data', target: '/a', readOnly: true, copy: true }],
  ['data:/a:nocopy', { type: 'volume', name: 'data', target: '/a', readOnly: false, copy: false }],
  ['/h:/a:bogus', null],
  [':/a', null],
  ['/h:', null],
  ['a:b:c:d', null],
];

for (const [value, expected] of volumes) {
  test(`-v ${value}`, (t) => {
    if (expected === null) t.throws(() => parseVolumeFlag(value, '/cwd'), invalid);
    else t.deepEqual(parseVolumeFlag(value, '/cwd') as object, expected);
  });
}

const mounts: [value: string, expected: object | null][] = [
  ['type=bind,source=/h,target=/a', { type: 'bind', source: '/h', target: '/a', readOnly: false }],
  ['type=bind,src=h,dst=/a,ro', { type: 'bind', source: '/cwd/h', target: '/a', readOnly: true }],
  [
    'type=bind,src=/h,dst=/a,readonly=false,bind-propagation=shared',
    { type: 'bind', source: '/h', target: '/a', readOnly: false, propagation: 'shared' },
  ],
  [
    'type=tmpfs,target=/a,tmpfs-size=1m,tmpfs-mode=0700',
    { type: 'tmpfs', target: '/a', size: '1m', mode: 0o700 },
  ],
  ['source=data,target=/a', { type: 'volume', name: 'data', target: '/a', readOnly: false, copy: true }],
  [
    'source=data,target=/a,volume-nocopy',
    { type: 'volume', name: 'data', target: '/a', readOnly: false, copy: false },
  ],
  ['type=bind,target=/a', null],
  ['type=bind,source=/h', null],
  ['type=nfs,target=/a', null],
  ['type=bind,source=/h,target=/a,colour=red', null],
  ['type=bind,source=/h,target=/a,constructor=red', null],
  ['type=bind,source=/h,target=/a,ro=perhaps', null],
];

for (const [value, expected] of mounts) {
  test(`--mount ${value}`, (t) => {
    if (expected === null) t.throws(() => parseMountFlag(value, '/cwd'), invalid);
    else t.deepEqual(parseMountFlag(value, '/cwd') as object, expected);
  });
}

const words: [given: string, plain: string][] = [
  ['--rm=true -it image', '--rm -it image'],
  ['--rm=false -i image', '-i image'],
  ['image --rm=false', 'image --rm=false'],
  ['-- --rm=false', '-- --rm=false'],
  ['-e --rm=false --init=1 image', '-e --rm=false --init image'],
  ['-ite --rm=false image', '-ite --rm=false image'],
  ['-eA=b --rm=F image', '-eA=b image'],
  ['--env --rm=false --tty=0 image', '--env --rm=false image'],
  ['--env=A=b --rm=t image -t=false', '--env=A=b --rm image -t=false'],
  ['--name', '--name'],
];

for (const [given, plain] of words) {
  test(`docker's boolean values: ${given}`, (t) => {
    const { options } = addContainerFlags(new Command());
    t.deepEqual(withoutBooleanValues(given.split(' '), options), plain.split(' '));
  });
}

test('a flag that is true or false is neither of anything else', (t) => {
  const { options } = addContainerFlags(new Command());
  t.throws(() => withoutBooleanValues(['--rm=maybe'], options), invalid);
});

test('--tmpfs', (t) => {
  t.deepEqual(parseTmpfsFlag('/a'), { type: 'tmpfs', target: '/a' });
  t.deepEqual(parseTmpfsFlag('/a:size=1m,mode=700,exec'), {
    type: 'tmpfs',
    target: '/a',
    size: '1m',
    mode: 0o700,
    options: ['exec'],
  });
});

test('--ulimit', (t) => {
  t.deepEqual(parseUlimitFlag('nofile=1'), ['nofile', { soft: 1, hard: 1 }]);
  t.deepEqual(parseUlimitFlag('core=0:-1'), ['core', { soft: 0, hard: -1 }]);
  for (const value of ['nofile', 'nofile=', 'nofile=a', 'nofile=1:2:3'])
    t.throws(() => parseUlimitFlag(value), invalid);
});

test('--device', (t) => {
  t.deepEqual(parseDeviceFlag('/dev/a'), { path: '/dev/a' });
  t.deepEqual(parseDeviceFlag('/dev/a:r'), { path: '/dev/a', access: 'r' });
  t.deepEqual(parseDeviceFlag('/dev/a:/dev/b:rw'), { path: '/dev/a', target: '/dev/b', access: 'rw' });
  t.throws(() => parseDeviceFlag(''), invalid);
});

test('--env and --env-file', (t) => {
  t.deepEqual(parseEnvFlag('A=b=c', {}), ['A', 'b=c']);
  t.deepEqual(parseEnvFlag('A', { A: 'own' }), ['A', 'own']);
  t.is(parseEnvFlag('A', {}), null);
  t.throws(() => parseEnvFlag('=b', {}), invalid);
  t.deepEqual(parseEnvFile('# c\nA=1\r\n\n  B="2"\nC\nD\n', { C: '3' }), [
    ['A', '1'],
    ['B', '"2"'],
    ['C', '3'],
  ]);
});

test('--security-opt', (t) => {
  const read = () => ({ defaultAction: 'SCMP_ACT_ALLOW' });
  t.deepEqual(parseSecurityFlags(['no-new-privileges', 'seccomp=unconfined'], read), {
    noNewPrivileges: true,
    seccomp: 'unconfined',
  });
  t.deepEqual(parseSecurityFlags(['no-new-privileges:false', 'seccomp=/p.json'], read), {
    noNewPrivileges: false,
    seccomp: read(),
  });
  t.deepEqual(parseSecurityFlags(['systempaths=unconfined', 'apparmor=unconfined'], read), {
    maskedPaths: [],
    readonlyPaths: [],
    apparmor: 'unconfined',
  });
  t.deepEqual(parseSecurityFlags(['apparmor=my-profile', 'writable-cgroups=true'], read), {
    apparmor: 'my-profile',
    writableCgroups: true,
  });
  t.deepEqual(parseSecurityFlags(['label=type:a_t', 'label:level:s0:c1'], read), {
    label: { type: 'a_t', level: 's0:c1' },
  });
  t.deepEqual(parseSecurityFlags(['label=type:a_t', 'label=disable'], read), { label: 'disable' });
  for (const wrong of ['label=color:blue', 'apparmor=', 'systempaths=some', 'selinux=on'])
    t.throws(() => parseSecurityFlags([wrong], read), invalid);
});

const now = Date.parse('2026-01-01T01:00:00Z');
const times: [text: string, expected: string][] = [
  ['0', '1970-01-01T00:00:00.000Z'],
  ['1.5', '1970-01-01T00:00:01.500Z'],
  ['10m', '2026-01-01T00:50:00.000Z'],
  ['1h30m', '2025-12-31T23:30:00.000Z'],
];

for (const [text, expected] of times) {
  test(`--since ${text}`, (t) => t.is((parseLogTime('--since', text, now) as Date).toISOString(), expected));
}

test('--since takes RFC 3339 as it is, and nothing else', (t) => {
  t.is(parseLogTime('--since', '2026-01-01T00:00:00.123456789Z'), '2026-01-01T00:00:00.123456789Z');
  t.throws(() => parseLogTime('--since', 'yesterday'), invalid);
});

test('templates are the subset that is documented, or an error', (t) => {
  const row = { ID: 'abc', State: { Status: 'up' }, List: [1] };
  t.is(compileTemplate('{{.ID}}\\t{{ .State.Status }}')(row), 'abc\tup');
  t.is(compileTemplate('{{json .List}} {{.state.status}}')(row), '[1] up');
  t.throws(() => compileTemplate('{{.Nothing}}')(row), invalid);
  t.is(compileTemplate('{{if .ID}}{{upper .ID}}{{else}}none{{end}}')(row), 'ABC');
  t.is(compileTemplate('{{range $i, $e := .List}}{{$i}}={{$e}} {{end}}')(row), '0=1 ');
  t.is(compileTemplate('{{with .State}}{{.Status}}{{end}} {{len .List}}')(row), 'up 1');
  t.is(compileTemplate('{{index .List 0}} {{join (split .ID "b") "-"}} {{.ID | json}}')(row), '1 a-c "abc"');
  t.is(compileTemplate('{{range .Empty}}x{{else}}none{{end}}')({ Empty: [] }), 'none');
  t.is(compileTemplate('a {{- if eq .ID "abc"}} b{{else if .ID}}c{{end -}} d')(row), 'a bd');
  for (const wrong of ['{{if .ID}}x', '{{end}}', '{{block .}}', '{{.ID .ID}}', '{{"}}', '{{(len .}}'])
    t.throws(() => compileTemplate(wrong)(row), invalid, wrong);
});

test('what comes from outside is shown without its control characters', (t) => {
  t.is(printable('a\x1b[31mred\n\u009b'), 'a\\x1b[31mred\\x0a\\x9b');
  t.is(printable('plain — text'), 'plain — text');
});

test("sizes, times and tables look as docker's", (t) => {
  t.deepEqual([0, 999, 1000, 12_345, 1_234_567_890].map(formatSize), [
    '0B',
    '999B',
    '1kB',
    '12.3kB',
    '1.23GB',
  ]);
  const second = 1000;
  t.deepEqual(
    [0, second, 59 * second, 61 * second, 3600 * second, 100 * 3600 * second, 400 * 24 * 3600 * second].map(
      formatDuration,
    ),
    [
      'Less than a second',
      '1 second',
      '59 seconds',
      'About a minute',
      'About an hour',
      '4 days',
      '13 months',
    ],
  );
  t.is(
    formatTable([
      ['A', 'LONG', 'C'],
      ['aaaa', 'b', 'c'],
    ]),
    'A      LONG   C\naaaa   b      c\n',
  );
});
