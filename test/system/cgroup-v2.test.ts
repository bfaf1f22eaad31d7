import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { cgroupLayout } from '../../bindings/cgroup.ts';
import type { Engine, ResourceLimits, RunResult, StartedContainer } from '../../lib/engine/index.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { openStockedEngine, type StockedEngine } from '../fixtures/stocked-engine.ts';
import { bundle, cleanUp, directory, program, root, runtime, unique, until } from '../oci-runtime/bundle.ts';

// What only a machine whose one hierarchy is cgroup v2 can show: `npm run test:vm`.
const here = process.getuid?.() === 0 && cgroupLayout() === 'v2';
const v2 = here ? test.serial : test.serial.skip;
if (!here) console.log('skipped: needs root on a machine with cgroup v2 alone (npm run test:vm)');

const top = '/sys/fs/cgroup';
let stock: StockedEngine;
let engine: Engine;
let busybox: string;

if (here) {
  test.before(async () => {
    stock = await openStockedEngine();
    ({ engine, busybox } = stock);
  });

  test.after.always(async () => {
    cleanUp();
    await stock?.[Symbol.asyncDispose]();
  });
}

v2('the limits of a container are in the files of its group', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const files = 'memory.max memory.swap.max memory.low cpu.weight cpu.max cpuset.cpus pids.max io.weight';
  const limits = {
    memory: '64m',
    memorySwap: '96m',
    memoryReservation: '32m',
    cpuShares: 1024,
    cpus: 0.5,
    cpusetCpus: '0',
    pids: 17,
    blkioWeight: 500,
  };
  const { stdout } = await shell(`cd ${top}; for f in ${files}; do echo $f $(cat $f); done`, limits);
  t.deepEqual(stdout.trim().split('\n'), [
    `memory.max ${64 << 20}`,
    `memory.swap.max ${32 << 20}`,
    `memory.low ${32 << 20}`,
    'cpu.weight 100',
    'cpu.max 50000 100000',
    'cpuset.cpus 0',
    'pids.max 17',
    'io.weight default 4950',
  ]);
});

v2('a container is the root of the cgroups that it sees, and cannot change them', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const { stdout, stderr } = await shell(
    `cat /proc/self/cgroup; ls -d ${top}/init.scope; echo 1 >${top}/pids.max; mkdir ${top}/x`,
  );
  t.is(stdout, '0::/\n');
  t.regex(stderr, /init\.scope: No such file/);
  t.is(stderr.match(/Read-only file system/g)?.length, 2, stderr);
});

v2('with the host’s cgroup namespace a container sees where it is', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const { stdout } = await engine.run(busybox, ['cat', '/proc/self/cgroup'], {
    namespaces: { cgroup: 'host' },
  });
  t.regex(stdout, /^0::\/strake\/[0-9a-f]+\n$/);
});

v2('every controller that the container may need is given to it, and its group goes with it', async (t) => {
  await using _ = await watchLeaks(t, engine);
  await using container = await sleeping({ memory: '64m' });
  const group = groupOf(container);
  const given = words('cgroup.controllers', group);
  for (const name of ['cpu', 'io', 'memory', 'pids']) t.true(given.includes(name), name);
  t.deepEqual(words('cgroup.subtree_control', group), []);
  await container.remove({ force: true });
  t.false(existsSync(group));
});

v2('a paused container is frozen, and a kill reaches it', async (t) => {
  await using _ = await watchLeaks(t, engine);
  await using container = await sleeping();
  const group = groupOf(container);
  await container.pause();
  t.is(keyed('cgroup.events', 'frozen', group), 1);
  await container.unpause();
  t.is(keyed('cgroup.events', 'frozen', group), 0);
  await container.pause();
  await container.kill();
  t.is((await container.wait()).exitCode, 137);
});

v2('a fork bomb is killed as a whole', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const bomb = 'bomb() { bomb | bomb & bomb; }; bomb; while :; do sleep 1; done';
  await using container = await sleeping({ pids: 100 }, ['sh', '-c', bomb]);
  const group = groupOf(container);
  await until(() => keyed('pids.events', 'max', group) > 0);
  t.true(keyed('pids.events', 'max', group) > 0);
  await container.remove({ force: true });
  t.false(existsSync(group));
});

v2('a container and an exec are born in their group', (t) => {
  const id = unique('born');
  // A process that moves into a group may exceed its pids.max; only one that is cloned into it is refused.
  const none = start('none', { unified: { 'pids.max': '0' } });
  t.not(none.status, 0);
  t.regex(none.err, /clone3: Resource temporarily unavailable/);
  t.is(start(id, { unified: { 'pids.max': '1' } }).status, 0);
  t.regex(runtime(['exec', id, 'sh']).err, /clone3: Resource temporarily unavailable/);
  t.is(keyed('pids.events', 'max', ociGroup(id)), 1);
  t.is(runtime(['delete', '--force', id]).status, 0);
  t.false(existsSync(ociGroup(id)));
});

v2('unified writes any file of the group, and a wrong one is refused by its name', (t) => {
  const id = unique('unified');
  const unified = { 'memory.high': '50331648', 'memory.oom.group': '1', 'cpu.weight': '42' };
  t.is(start(id, { unified }).status, 0);
  for (const [file, value] of Object.entries(unified)) t.is(read(file, ociGroup(id)), value);
  for (const [file, value] of [
    ['nonesuch.max', '1'],
    ['memory.nonesuch', '1'],
    ['../pids.max', '1'],
    ['memory.max', 'many'],
  ] as const) {
    const name = unique(`refused-${file.replace('/', '-')}`);
    const refused = start(name, { unified: { [file]: value } });
    t.not(refused.status, 0);
    t.regex(refused.err, /unified/, file);
    t.false(existsSync(ociGroup(name)));
  }
});

v2('an OOM kill in a child group of the container counts', (t) => {
  const id = unique('child-oom');
  const limits = { memory: { limit: 64 << 20 } };
  t.is(start(id, limits).status, 0);
  const child = join(ociGroup(id), 'child');
  mkdirSync(child);
  writeFileSync(join(ociGroup(id), 'cgroup.procs'), ''); // no process of ours may be in the way
  t.deepEqual(words('cgroup.subtree_control', ociGroup(id)), []);
  const hog = `echo $$ >${child}/cgroup.procs; exec tail /dev/zero`;
  t.is(spawnSync('/bin/busybox', ['sh', '-c', hog]).signal, 'SIGKILL');
  t.true(keyed('memory.events', 'oom_kill', ociGroup(id)) >= 1);
  t.is(runtime(['delete', '--force', id]).status, 0);
  t.false(existsSync(child));
});

v2('a disk is written no faster than was said', (t) => {
  const id = unique('disk');
  const { dev } = statSync(directory);
  const rate = { major: dev >> 8, minor: dev & 0xff, rate: 2 << 20 };
  t.is(start(id, { blockIO: { throttleWriteBpsDevice: [rate] } }).status, 0);
  t.regex(read('io.max', ociGroup(id)), new RegExp(`^${rate.major}:${rate.minor} .*wbps=${rate.rate}`));
  const began = Date.now();
  const copy =
    'i=0; while [ $i -lt 4 ]; do cat /bin/busybox /bin/busybox; i=$((i+1)); done >/tmp/x; /bin/busybox sync -d /tmp/x';
  t.is(runtime(['exec', id, 'sh', '-c', copy]).status, 0);
  const written = statSync(join(directory, id, 'rootfs/tmp/x')).size;
  t.true(Date.now() - began > (written / rate.rate) * 500, `${written} bytes in ${Date.now() - began} ms`);
  t.true(
    statistics(id).data.blkio.ioServiceBytesRecursive.find(({ op }) => op === 'Write')!.value >= written,
  );
});

v2('huge pages are limited', (t) => {
  const id = unique('huge');
  t.is(start(id, { hugepageLimits: [{ pageSize: '2MB', limit: 4 << 20 }] }).status, 0);
  t.is(read('hugetlb.2MB.max', ociGroup(id)), String(4 << 20));
});

v2('what cgroup v2 does not have is refused by its name', (t) => {
  const refused = start(unique('v1'), { memory: { swappiness: 10 } });
  t.regex(refused.err, /memory\.swappiness needs the cgroup controller memory of cgroup v1/);
});

v2('statistics are those of the group', (t) => {
  const id = unique('figures');
  t.is(start(id, { memory: { limit: 64 << 20 }, pids: { limit: 9 } }).status, 0);
  const { data } = statistics(id);
  t.like(data.pids, { current: 1, limit: 9 });
  t.is(data.memory.usage.limit, 64 << 20);
  t.true(data.memory.usage.usage > 0 && data.memory.usage.max >= data.memory.usage.usage);
  t.true(
    data.cpu.usage.total > 0 && data.cpu.usage.total <= data.cpu.usage.kernel + data.cpu.usage.user + 1e6,
  );
  t.true(['anon', 'file', 'kernel', 'pgfault'].every((key) => key in data.memory.raw));
});

v2(
  '--cgroup-parent: the parent’s limits count for all below it, and it stays without the container',
  async (t) => {
    const parent = unique('parent');
    t.teardown(() => {
      rmdirSync(join(top, parent, 'below'));
      rmdirSync(join(top, parent));
    });
    const options = { argv: ['sleep', '600'], cgroupParent: `/${parent}/below`, limits: { pids: 50 } };
    const container = await engine.containers.create(busybox, options);
    const group = join(top, parent, 'below', container.id);
    {
      await using started = await container.start();
      t.is(read('pids.max', group), '50');
      writeFileSync(join(top, parent, 'pids.max'), '2');
      t.regex((await started.run(['sh', '-c', 'true | true'])).stderr, /can't fork/);
      writeFileSync(join(top, parent, 'pids.max'), 'max');
      await started.pause();
      t.is(keyed('cgroup.events', 'frozen', group), 1);
      await started.unpause();
      await started.update({ limits: { memory: '64m' } });
      t.is(read('memory.max', group), String(64 << 20));
    }
    t.deepEqual([existsSync(group), existsSync(join(top, parent, 'below'))], [false, true]);
    mkdirSync(group);
    const isLeft = async () => {
      const { findings } = await engine.system.check();
      return findings.some(({ code, path }) => code === 'CGROUP_LEFTOVER' && path === group);
    };
    t.true(await isLeft());
    await engine.system.check({ repair: true });
    t.false(await isLeft());
    t.false(existsSync(group));
  },
);

v2('writable-cgroups: a container makes groups below its own, up to its own limits', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const script = `cd ${top}; mkdir own && echo 0 > own/cgroup.procs && cat /proc/self/cgroup; echo max > pids.max; cat pids.max; sleep 600`;
  const options = { argv: ['sh', '-c', script], limits: { pids: 30 }, security: { writableCgroups: true } };
  const container = await engine.containers.create(busybox, options);
  await using started = await container.start({ attach: { stdout: true } });
  let said = '';
  started.attachment?.stdout.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  await until(() => said.split('\n').length > 2);
  t.regex(said, /^30\r?$/m, 'its own limit is not its to change');
  t.regex(said, /^0::\/own\n/);
  const group = groupOf(started);
  t.true(existsSync(join(group, 'own')));
  await started.remove({ force: true });
  t.false(existsSync(group), 'with what it has made');
});

v2('a kill for want of memory is told while the container runs on', async (t) => {
  for await (const _ of engine.events({ until: new Date() })); // libuv keeps its descriptor of inotify(7)
  await using _ = await watchLeaks(t, engine);
  const since = new Date();
  const line = 'trap "" TERM; ( exec sh -c \'a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done\' ); sleep 600';
  await using container = await sleeping({ memory: '16m', memorySwap: '16m' }, ['sh', '-c', line]);
  const group = groupOf(container);
  await until(() => keyed('memory.events', 'oom_kill', group) > 0);
  const told: string[] = [];
  for await (const { action, id } of engine.events({ since, signal: AbortSignal.timeout(60_000) })) {
    if (id === container.id) told.push(action);
    if (action === 'oom') break;
  }
  t.deepEqual(told, ['create', 'start', 'oom']);
  t.is((await container.inspect()).state.status, 'running');
});

v2('a runtime in a group with processes limits nothing, says how it could, and runs all else', async (t) => {
  const group = join(top, unique('nested'));
  mkdirSync(group);
  t.teardown(() => rmdirSync(group));
  const nested = (args: string): ReturnType<typeof spawnSync> =>
    spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', `mount --bind ${group} ${top}; exec ${program} --root ${root} ${args}`],
      { encoding: 'utf8', env: { ...process.env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
  const resources = { memory: { limit: 64 << 20 } };
  const limited = bundle(unique('limited'), ['echo', 'ran'], ociLinux({ resources }));
  const free = bundle(unique('free'), ['echo', 'ran'], ociLinux({}));
  writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
  const refused = nested(`run -b ${limited} ${unique('inner')}`);
  const ran = nested(`run -b ${free} ${unique('inner')}`);
  writeFileSync(join(top, 'system.slice/test.service/cgroup.procs'), String(process.pid));
  await delay(10);
  t.not(refused.status, 0);
  t.regex(String(refused.stderr), /memory\.limit needs the cgroup controller memory: .*move the processes/);
  t.deepEqual([ran.status, ran.stdout], [0, 'ran\n'], String(ran.stderr));
});

interface Statistics {
  readonly data: {
    readonly cpu: {
      readonly usage: { readonly total: number; readonly kernel: number; readonly user: number };
    };
    readonly memory: {
      readonly usage: { readonly limit: number; readonly usage: number; readonly max: number };
      readonly raw: object;
    };
    readonly pids: object;
    readonly blkio: {
      readonly ioServiceBytesRecursive: readonly { readonly op: string; readonly value: number }[];
    };
  };
}

function statistics(id: string): Statistics {
  return JSON.parse(runtime(['events', '--stats', id]).out) as Statistics;
}

/** A container of strake-runtime that sleeps, with these OCI resources. What it says is read from its log, since it inherits stdio. */
function start(id: string, resources: object): { readonly status: number | null; readonly err: string } {
  const path = bundle(id, ['sleep', '600'], ociLinux({ cgroupsPath: `/strake-test/${id}`, resources }));
  const log = join(directory, `${id}.log`);
  writeFileSync(log, '');
  const { status } = runtime(['--log', log, 'run', '--detach', '-b', path, id], 'ignore');
  return { status, err: readFileSync(log, 'utf8') };
}

function ociLinux(more: object): object {
  const namespaces = ['mount', 'pid', 'ipc', 'uts', 'network', 'cgroup'].map((type) => ({ type }));
  return { linux: { namespaces, ...more } };
}

const ociGroup = (id: string) => join(top, 'strake-test', id);

async function sleeping(limits: ResourceLimits = {}, argv = ['sleep', '600']): Promise<StartedContainer> {
  const container = await engine.containers.create(busybox, { argv, limits });
  return container.start();
}

function shell(script: string, limits: ResourceLimits = {}): Promise<RunResult> {
  return engine.run(busybox, ['sh', '-c', script], { limits });
}

const groupOf = ({ id }: { readonly id: string }) => join(top, 'strake', id);
const read = (file: string, group: string) => readFileSync(join(group, file), 'utf8').trim();
const words = (file: string, group: string) => read(file, group).split(' ').filter(Boolean).sort();

function keyed(file: string, key: string, group: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(read(file, group))?.[1]);
}
