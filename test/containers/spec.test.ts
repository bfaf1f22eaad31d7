import test from 'ava';
import type { ContainerOptions } from '../../lib/containers/index.ts';
import { byteSize } from '../../lib/containers/option-values.ts';
import { parseSignal, signalName } from '../../lib/containers/signals.ts';
import { parseContainerOptions } from '../../lib/containers/spec.ts';
import { askedOfCgroup } from '../../lib/containers/spec-limits.ts';

const sizes: [string | number, number][] = [
  [0, 0],
  [1024, 1024],
  ['1024', 1024],
  ['1b', 1],
  ['64k', 65_536],
  ['64kb', 65_536],
  ['64KiB', 65_536],
  ['512m', 536_870_912],
  ['1.5g', 1_610_612_736],
  ['2 g', 2_147_483_648],
];

for (const [value, bytes] of sizes) {
  test(`a size: ${JSON.stringify(value)} is ${bytes} bytes`, (t) => t.is(byteSize('x', value), bytes));
}

for (const value of ['', 'm', '-1', '1x', '1mm', '1e3', 'NaN', '9999999999999p', '0x10']) {
  test(`no size: ${JSON.stringify(value)}`, (t) => {
    t.throws(() => byteSize('limits.memory', value), {
      code: 'ERR_CONTAINER_OPTION_INVALID',
      message: /limits\.memory/,
    });
  });
}

test('a log is bounded unless it is asked to be not', (t) => {
  const logOf = (log?: ContainerOptions['log']) => parseContainerOptions(log ? { log } : {}).log;
  t.deepEqual(logOf(), { driver: 'json-file', maxSize: 64 * 2 ** 20, maxFile: 2 });
  t.deepEqual(logOf({ maxSize: '1m', maxFile: 5 }), { driver: 'json-file', maxSize: 2 ** 20, maxFile: 5 });
  t.deepEqual(logOf({ maxSize: '-1' }), { driver: 'json-file', maxSize: null, maxFile: 2 });
  t.deepEqual(logOf({ maxSize: -1 }), { driver: 'json-file', maxSize: null, maxFile: 2 });
});

const refused: [title: string, options: unknown, message: RegExp, code?: string][] = [
  ['an unknown option', { memmory: 1 }, /memmory/],
  ['a name with a slash', { name: 'a/b' }, /container name/, 'ERR_CONTAINER_NAME_INVALID'],
  ['a name of one letter', { name: 'a' }, /container name/, 'ERR_CONTAINER_NAME_INVALID'],
  ['a name that begins with a dash', { name: '-rf' }, /container name/, 'ERR_CONTAINER_NAME_INVALID'],
  ['a NUL in an argument', { argv: ['a\0b'] }, /argv\[0\].*NUL/],
  ['an argument that is no string', { argv: ['a', 1] }, /argv\[1\]/],
  ['a variable with an equals sign in its name', { env: { 'A=B': 'c' } }, /env/],
  ['a relative working directory', { cwd: 'tmp' }, /cwd.*absolute/],
  ['a user with a blank', { user: 'a b' }, /user/],
  ['a user with two groups', { user: 'a:b:c' }, /user/],
  ['a host name with a blank', { hostname: 'a b' }, /hostname/],
  ['a host name of 65 letters', { hostname: 'x'.repeat(65) }, /hostname/],
  ['a network without a name', { network: '' }, /network/],
  [
    'a link that is a line of /etc/hosts',
    { network: 'a', links: [{ container: 'b', alias: 'c\n::1 d' }] },
    /links\.alias/,
  ],
  ['an unknown capability', { capAdd: ['FLY'] }, /capAdd.*FLY/],
  ['a profile without a default action', { security: { seccomp: {} } }, /defaultAction/],
  ['a log of no size', { log: { maxSize: 0 } }, /log\.maxSize.*-1/],
  ['a log of a negative size', { log: { maxSize: -2 } }, /log\.maxSize/],
  ['too little memory', { limits: { memory: '1m' } }, /at least 6m/],
  ['less swap than memory', { limits: { memory: '64m', memorySwap: '32m' } }, /memorySwap/],
  ['swap without memory', { limits: { memorySwap: '32m' } }, /memorySwap/],
  ['CPUs and a quota', { limits: { cpus: 1, cpuQuota: 1000 } }, /either/],
  ['no CPU at all', { limits: { cpus: 0 } }, /cpus/],
  ['a set of CPUs in words', { limits: { cpusetCpus: 'all' } }, /cpusetCpus/],
  ['a soft limit above the hard one', { limits: { ulimits: { nofile: { soft: 2, hard: 1 } } } }, /above/],
  [
    'an unlimited soft limit below a hard one',
    { limits: { ulimits: { nofile: { soft: -1, hard: 1 } } } },
    /above/,
  ],
  ['an unknown limit', { limits: { ulimits: { files: 1 } } }, /files/],
  ['a relative bind source', { mounts: [{ type: 'bind', source: 'a', target: '/b' }] }, /mounts\.source/],
  ['a mount on the root', { mounts: [{ type: 'tmpfs', target: '/a/..' }] }, /root/],
  [
    'two mounts on one target',
    {
      mounts: [
        { type: 'tmpfs', target: '/a' },
        { type: 'tmpfs', target: '/a/' },
      ],
    },
    /two mounts/,
  ],
  ['a mount of no known type', { mounts: [{ type: 'nfs', target: '/a' }] }, /mounts\.type/],
  [
    'a tmpfs option that smuggles another',
    { mounts: [{ type: 'tmpfs', target: '/a', options: ['size=1,suid'] }] },
    /mounts\.options/,
  ],
  ['a volume name that climbs', { mounts: [{ type: 'volume', name: '../x', target: '/a' }] }, /volume name/],
  ['a device rule without numbers', { deviceCgroupRules: ['c rwm'] }, /deviceCgroupRules/],
  ['a device access twice', { devices: [{ path: '/dev/x', access: 'rr' }] }, /access/],
  ['a sysctl that is a path', { sysctls: { '../../etc/passwd': 'x' } }, /sysctls/],
  ['an unknown signal', { stopSignal: 'SIGFOO' }, /signal/],
  ['an unknown log driver', { log: { driver: 'syslog' } }, /log\.driver/],
  ['a platform that is none', { platform: 'a/b/c/d' }, /platform/, 'ERR_PLATFORM_INVALID'],
  ['a hidden path that is relative', { hide: ['home'] }, /hide/],
];

for (const [title, options, message, code = 'ERR_CONTAINER_OPTION_INVALID'] of refused) {
  test(`refused: ${title}`, (t) => {
    t.throws(() => parseContainerOptions(options as ContainerOptions), { message, code });
  });
}

const limits: [NonNullable<ContainerOptions['limits']>, name: string | undefined][] = [
  [{}, undefined],
  [{ ulimits: { nofile: 10 }, shmSize: '1m', oomScoreAdj: 5 }, undefined],
  [{ memory: '64m' }, 'memory'],
  [{ cpus: 1 }, 'cpuQuota'],
  [{ cpuRtRuntime: 0 }, 'cpuRtRuntime'],
  [{ cpusetMems: '0' }, 'cpusetMems'],
  [{ memorySwappiness: 0 }, 'memorySwappiness'],
  [{ oomKillDisable: true }, 'oomKillDisable'],
  [{ deviceReadBps: { '/dev/vda': '1m' } }, 'blkioDevices'],
];

for (const [asked, name] of limits)
  test(`where there is no cgroup, ${JSON.stringify(asked)} ${name ? 'is refused' : 'is kept'}`, (t) => {
    const found = askedOfCgroup(parseContainerOptions({ limits: asked }).limits);
    if (name === 'cpuQuota') t.regex(found ?? '', /^cpu/);
    else t.is(found, name);
  });

test('swap defaults to twice the memory, as docker has it', (t) => {
  t.is(parseContainerOptions({ limits: { memory: '64m' } }).limits.memorySwap, 128 * 2 ** 20);
  t.is(parseContainerOptions({ limits: { memory: '64m', memorySwap: -1 } }).limits.memorySwap, -1);
});

test('paths are normalised, and cannot climb out of the root', (t) => {
  const { mounts, cwd } = parseContainerOptions({
    cwd: '/a/./b/../c//',
    mounts: [{ type: 'bind', source: '/x/../../y/', target: '/../../t' }],
  });
  t.is(cwd, '/a/c');
  t.like(mounts[0], { source: '/y', target: '/t' });
});

const signals: [string | number, number][] = [
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  [1, 1],
  ['RTMIN', 34],
  ['SIGRTMIN+3', 37],
  ['RTMAX-1', 63],
];

for (const [value, number] of signals) {
  test(`a signal: ${JSON.stringify(value)} is ${number}`, (t) => t.is(parseSignal(value), number));
}

for (const value of ['', '0', '65', 'RTMAX+1', 'RTMIN-1', 'SIG', 'kill me']) {
  test(`no signal: ${JSON.stringify(value)}`, (t) => {
    t.throws(() => parseSignal(value), { code: 'ERR_CONTAINER_OPTION_INVALID' });
  });
}

test('a signal has one name', (t) => {
  t.is(signalName(15), 'SIGTERM');
  t.is(parseSignal(signalName(37)), 37);
});
