/** runtime-spec 1.2, config-linux.md "Control groups": what the kernel's own files say after create. */
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import {
  bundle,
  cleanUp,
  complaint,
  linux,
  linuxWith,
  namespacesWith,
  root,
  runtime,
  shell,
  started,
  statusOf,
  unique,
} from './bundle.ts';

test.after.always(cleanUp);

const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
const needs = (...files: readonly string[]) => {
  const absent = files.filter((file) => !existsSync(`/sys/fs/cgroup/${file}`));
  if (!v2 && absent.length > 0) console.log(`skipped: this host has no ${absent.join(', ')}`);
  return v2 || absent.length === 0 ? linux : test.serial.skip;
};

const pathOf = (id: string): string =>
  (JSON.parse(readFileSync(`${root}/${id}/state.json`, 'utf8')) as { cgroup: string }).cgroup;

/** A control file of the container's group: v1's "memory/memory.limit_in_bytes", or v2's of the other name. */
function limitOf(id: string, v1Name: string, v2Name: string): string {
  const [controller = '', file = ''] = v1Name.split('/');
  const path = v2
    ? `/sys/fs/cgroup/${pathOf(id)}/${v2Name}`
    : `/sys/fs/cgroup/${controller}/${pathOf(id)}/${file}`;
  return readFileSync(path, 'utf8').trim();
}

const created = (name: string, resources: object) => started(name, { linux: linuxWith({ resources }) });
const refused = (name: string, resources: object) => complaint(name, { linux: linuxWith({ resources }) });
const MiB = 1 << 20;

linux(
  'cgroupsPath: an absolute and a relative one are below the mount point; without one it is the id',
  (t) => {
    for (const [name, cgroupsPath] of [
      ['absolute', `/${unique('parent')}/child`],
      ['relative', `${unique('parent')}/other`],
    ] as const) {
      const id = started(name, { linux: linuxWith({ cgroupsPath }) });
      const { pid } = JSON.parse(runtime(['state', id]).out) as { pid: number };
      t.regex(
        readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
        new RegExp(`:/${cgroupsPath.replace(/^\//, '')}$`, 'm'),
      );
    }
    t.is(pathOf(started('default')), unique('default'));
    t.regex(complaint('climbs', { linux: linuxWith({ cgroupsPath: '/a/../../b' }) }), /cgroup/);
  },
);

linux('delete removes the cgroup', (t) => {
  const id = started('removed');
  const directory = v2 ? `/sys/fs/cgroup/${pathOf(id)}` : `/sys/fs/cgroup/memory/${pathOf(id)}`;
  t.true(existsSync(directory));
  runtime(['delete', '-f', id]);
  t.false(existsSync(directory));
});

linux('memory: limit, reservation, swap and swappiness; -1 is no limit', (t) => {
  const id = created('memory', { memory: { limit: 64 * MiB, reservation: 32 * MiB, swap: 96 * MiB } });
  t.is(limitOf(id, 'memory/memory.limit_in_bytes', 'memory.max'), String(64 * MiB));
  t.is(limitOf(id, 'memory/memory.soft_limit_in_bytes', 'memory.low'), String(32 * MiB));
  t.is(limitOf(id, 'memory/memory.memsw.limit_in_bytes', 'memory.swap.max'), String((v2 ? 32 : 96) * MiB));
  const free = created('memory-free', { memory: { limit: -1 } });
  t.true(
    ['max', '9223372036854771712'].includes(limitOf(free, 'memory/memory.limit_in_bytes', 'memory.max')),
  );
  t.regex(refused('swap-less', { memory: { limit: 64 * MiB, swap: MiB } }), /memory\.swap/);
});

if (!v2)
  linux('memory on v1: swappiness, disableOOMKiller and kernelTCP', (t) => {
    const id = created('memory-v1', {
      memory: { swappiness: 12, disableOOMKiller: true, kernelTCP: 8 * MiB },
    });
    t.is(limitOf(id, 'memory/memory.swappiness', ''), '12');
    t.regex(limitOf(id, 'memory/memory.oom_control', ''), /oom_kill_disable 1/);
    t.is(limitOf(id, 'memory/memory.kmem.tcp.limit_in_bytes', ''), String(8 * MiB));
  });

linux('memory.checkBeforeUpdate: a limit below the present use is refused', (t) => {
  const script = 'mkdir /m; /bin/busybox dd if=/dev/zero of=/tmp/x bs=1M count=24 2>/dev/null; sleep 60';
  const id = unique('check');
  const tmpfs = { destination: '/tmp', type: 'tmpfs', source: 'tmpfs' };
  const resources = { memory: { limit: 64 * MiB, swap: 64 * MiB, checkBeforeUpdate: true } };
  const mounts = [{ destination: '/proc', type: 'proc', source: 'proc' }, tmpfs];
  runtime(
    [
      'run',
      '-d',
      '-b',
      bundle('check', ['sh', '-c', script], { mounts, linux: linuxWith({ resources }) }),
      id,
    ],
    'ignore',
  );
  runtime(['exec', id, 'sh', '-c', 'while [ $(stat -c %s /tmp/x) -lt 25165824 ]; do sleep 0.1; done']);
  const less = JSON.stringify({ memory: { limit: 4 * MiB, swap: 4 * MiB, checkBeforeUpdate: true } });
  t.not(runtime(['update', '-r', '-', id], 'pipe', less).status, 0);
  t.is(statusOf(id), 'running');
});

linux('cpu: shares, quota, period, burst and idle', (t) => {
  const id = created('cpu', { cpu: { shares: 512, quota: 40_000, period: 80_000, burst: 10_000 } });
  if (v2) t.is(limitOf(id, '', 'cpu.max'), '40000 80000');
  else {
    t.is(limitOf(id, 'cpu/cpu.shares', ''), '512');
    t.is(limitOf(id, 'cpu/cpu.cfs_quota_us', ''), '40000');
    t.is(limitOf(id, 'cpu/cpu.cfs_period_us', ''), '80000');
  }
  t.is(limitOf(id, 'cpu/cpu.cfs_burst_us', 'cpu.max.burst'), '10000');
  t.is(limitOf(created('idle', { cpu: { idle: 1 } }), 'cpu/cpu.idle', 'cpu.idle'), '1');
  t.regex(refused('burst', { cpu: { quota: 10_000, period: 100_000, burst: 20_000 } }), /cpu\.burst/);
});

needs('cpuset')('cpu: cpus and mems', (t) => {
  const id = created('cpuset', { cpu: { cpus: '0', mems: '0' } });
  t.is(limitOf(id, 'cpuset/cpuset.cpus', 'cpuset.cpus'), '0');
  t.is(limitOf(id, 'cpuset/cpuset.mems', 'cpuset.mems'), '0');
  t.regex(runtime(['exec', id, 'grep', 'Cpus_allowed_list', '/proc/self/status']).out, /\t0\n/);
  t.regex(refused('cpus', { cpu: { cpus: '0-9999' } }), /cpu\.cpus/);
});

if (existsSync('/sys/fs/cgroup/cpu/cpu.rt_runtime_us'))
  linux('cpu on v1: realtimePeriod and realtimeRuntime, or an error that names them', (t) => {
    const asked = { cpu: { realtimePeriod: 900_000, realtimeRuntime: 0 } };
    t.is(limitOf(created('realtime', asked), 'cpu/cpu.rt_period_us', ''), '900000');
    t.regex(
      refused('realtime-more', { cpu: { realtimeRuntime: 999_999_999 } }),
      /cpu\.realtimeRuntime|rt_runtime/,
    );
  });

linux('pids: the limit holds', (t) => {
  const id = created('pids', { pids: { limit: 9 } });
  t.is(limitOf(id, 'pids/pids.max', 'pids.max'), '9');
  const fork = 'i=0; while [ $i -lt 12 ]; do sleep 5 & i=$((i+1)); done';
  const limited = shell('forks', fork, { linux: linuxWith({ resources: { pids: { limit: 5 } } }) });
  t.regex(limited.err, /can't fork|Resource temporarily unavailable/);
});

/** "254:0" of a whole disk of this machine. */
function disk(): [number, number] | undefined {
  const row = /^\s*(\d+)\s+(\d+)\s+[1-9]\d*\s+(vda|sda|nvme0n1)$/m.exec(
    readFileSync('/proc/partitions', 'utf8'),
  );
  return row ? [Number(row[1]), Number(row[2])] : undefined;
}

const [major, minor] = disk() ?? [0, 0];
const withDisk = major > 0 && (v2 || existsSync('/sys/fs/cgroup/blkio')) ? linux : test.serial.skip;
if (major === 0) console.log('skipped: no disk to be throttled');

withDisk('blockIO: throttles by device, and a weight', (t) => {
  const rate = (n: number) => [{ major, minor, rate: n }];
  const id = created('blkio', {
    blockIO: {
      throttleReadBpsDevice: rate(1_048_576),
      throttleWriteBpsDevice: rate(2_097_152),
      throttleReadIOPSDevice: rate(100),
      throttleWriteIOPSDevice: rate(200),
    },
  });
  const line = (file: string, value: number) =>
    t.regex(
      limitOf(id, `blkio/blkio.throttle.${file}`, 'io.max'),
      new RegExp(`${major}:${minor} .*${value}`),
    );
  line('read_bps_device', 1_048_576);
  line('write_bps_device', 2_097_152);
  line('read_iops_device', 100);
  line('write_iops_device', 200);
  const leaf = { blockIO: { weightDevice: [{ major, minor, leafWeight: 100 }] } };
  t.regex(refused('leaf', leaf), /weightDevice\[0\]\.leafWeight/);
});

linux('a limit whose controller this host lacks is refused by the name of the option', (t) => {
  const hugepages = { hugepageLimits: [{ pageSize: '2MB', limit: 4 * MiB }] };
  if (!v2 && !existsSync('/sys/fs/cgroup/hugetlb'))
    t.regex(refused('hugetlb', hugepages), /hugepageLimits.*hugetlb|hugetlb.*hugepageLimits/);
  const unified = { unified: { 'memory.high': '1048576' } };
  if (v2) t.is(limitOf(created('unified', unified), '', 'memory.high'), '1048576');
  else t.regex(refused('unified', unified), /unified/);
  t.regex(refused('unified-path', { unified: { '../x': '1' } }), /unified\.\.\.\/x/);
});

linux('devices: rules in their order, and the default devices stay', (t) => {
  const rule = (allow: boolean, minor: number, access: string) => ({
    allow,
    type: 'c',
    major: 10,
    minor,
    access,
  });
  const resources = {
    devices: [
      { allow: false, access: 'rwm' },
      rule(true, 229, 'r'),
      rule(true, 237, 'rw'),
      rule(false, 237, 'rw'),
    ],
  };
  const device = (name: string, minor: number) => ({ path: `/dev/${name}`, type: 'c', major: 10, minor });
  const devices = [device('fuse', 229), device('loop-control', 237), device('tun', 200)];
  const script = `for d in fuse loop-control tun null; do
      { true < /dev/$d; } 2>&1 | grep -q 'not permitted' && echo "no $d" || echo "yes $d"; done
    for d in fuse null; do
      { true > /dev/$d; } 2>&1 | grep -q 'not permitted' && echo "not written $d" || echo "written $d"; done`;
  const { out } = shell('allowed', script, { linux: linuxWith({ resources, devices }) });
  const expected = ['yes fuse', 'no loop-control', 'no tun', 'yes null', 'not written fuse', 'written null'];
  t.deepEqual(out.trim().split('\n'), expected);
});

linux('a cgroup namespace has the container’s group as its root', (t) => {
  const namespaces = namespacesWith([], [{ type: 'cgroup' }]);
  const { out } = shell('view', 'cat /proc/self/cgroup', { linux: linuxWith({ namespaces }) });
  t.regex(out, /:\/$/m);
  t.notRegex(out, new RegExp(unique('view')));
});

linux('a cgroup mount shows the container’s own group, read-only', (t) => {
  const mounts = [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
  ];
  const file = v2 ? 'pids.max' : 'pids/pids.max';
  const more = { mounts, linux: linuxWith({ resources: { pids: { limit: 23 } } }) };
  const { out, err } = shell(
    'cgroup-mount',
    `cat /sys/fs/cgroup/${file}; echo 5 > /sys/fs/cgroup/${file}`,
    more,
  );
  t.is(out, '23\n');
  t.regex(err, /Read-only/);
});

linux('a frozen cgroup, and one with processes, are not taken for a new container', (t) => {
  const cgroupsPath = `/${unique('frozen')}`;
  const id = started('frozen', { linux: linuxWith({ cgroupsPath }) });
  runtime(['pause', id]);
  t.not(complaint('in-frozen', { linux: linuxWith({ cgroupsPath }) }), 'status 0');
  t.is(statusOf(id), 'paused');
  runtime(['resume', id]);
});
