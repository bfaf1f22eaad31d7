import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bundle, cleanUp, directory, linux, program, root, runtime, started, unique } from './bundle.ts';

test.after.always(cleanUp);

interface Statistics {
  readonly type: string;
  readonly id: string;
  readonly data: {
    readonly cpu: { readonly usage: { readonly total: number } };
    readonly memory: {
      readonly usage: { readonly limit: number; readonly usage: number };
      readonly raw: object;
    };
    readonly pids: { readonly current: number; readonly limit: number };
  };
}

function statisticsOf(id: string): Statistics {
  return JSON.parse(runtime(['events', '--stats', id]).out) as Statistics;
}

linux('events --stats counts what the container uses', (t) => {
  const id = started('stats');
  const { type, id: named, data } = statisticsOf(id);
  t.deepEqual([type, named], ['stats', id]);
  t.is(data.pids.current, 1);
  t.true(data.cpu.usage.total > 0);
  t.true(data.memory.usage.usage > 0);
  t.true(Object.keys(data.memory.raw).length > 5);
});

linux('update takes flags with units, a file or standard input; 0 and devices change nothing', (t) => {
  const id = started('update');
  t.is(runtime(['update', '--memory', '64M', '--pids-limit', '20', id]).status, 0);
  t.like(statisticsOf(id).data, { pids: { current: 1, limit: 20 } });
  t.is(statisticsOf(id).data.memory.usage.limit, 64 << 20);
  const file = join(directory, 'resources.json');
  writeFileSync(file, JSON.stringify({ memory: { limit: 32 << 20 } }));
  t.is(runtime(['update', '--resources', file, id]).status, 0);
  t.is(statisticsOf(id).data.memory.usage.limit, 32 << 20);
  const input = JSON.stringify({
    memory: { limit: 0 },
    pids: { limit: 7 },
    devices: [{ allow: false, access: 'rwm' }],
  });
  t.is(runtime(['update', '-r', '-', id], 'pipe', input).status, 0);
  t.is(statisticsOf(id).data.memory.usage.limit, 32 << 20);
  t.is(statisticsOf(id).data.pids.limit, 7);
  t.is(runtime(['exec', id, 'sh', '-c', 'echo > /dev/null']).status, 0);
});

linux('update refuses numbers that are none, Intel RDT and a document that is not JSON', (t) => {
  const id = started('wrong');
  for (const value of ['', '5q', '9999999999g', 'm'])
    t.regex(runtime(['update', '--memory', value, id]).err, /--memory: invalid value/, value);
  t.regex(runtime(['update', '--cpu-share', '-1', id]).err, /--cpu-share: invalid value/);
  t.regex(runtime(['update', '--l3-cache-schema', 'x', id]).err, /--l3-cache-schema is not supported/);
  t.regex(runtime(['update', '-r', '-', id], 'pipe', '{').err, /not JSON/);
});

linux('events repeats the statistics until the container ends', async (t) => {
  const id = started('follow');
  const events = spawn(program, ['--root', root, 'events', '--interval', '50ms', id]);
  let out = '';
  let lines = 0;
  events.stdout.setEncoding('utf8').on('data', (part: string) => {
    out += part;
    lines += part.split('\n').length - 1;
    if (lines >= 3) runtime(['kill', id, 'KILL']);
  });
  const [status] = (await once(events, 'close')) as [number];
  t.is(status, 0);
  t.true(lines >= 3);
  t.is((JSON.parse(out.slice(0, out.indexOf('\n'))) as Statistics).id, id);
  t.regex(runtime(['events', id]).err, /is not running/);
  t.regex(runtime(['events', '--interval', 'soon', id]).err, /expected a duration/);
});

linux('events tells of an OOM kill', (t) => {
  const id = unique('oom');
  const script = 'sleep 0.5; /bin/busybox dd if=/dev/zero of=/tmp/x bs=64M count=1; sleep 1';
  const limits = { memory: { limit: 16 << 20, swap: 16 << 20 } };
  const namespaces = ['mount', 'pid'].map((type) => ({ type }));
  const path = bundle('oom', ['sh', '-c', script], { linux: { namespaces, resources: limits } });
  t.is(runtime(['run', '--detach', '-b', path, id], 'ignore').status, 0);
  const lines = runtime(['events', '--interval', '1h', id]).out.trim().split('\n');
  t.deepEqual(lines.slice(1), [JSON.stringify({ type: 'oom', id })]);
});

linux('features names what is known', (t) => {
  const features = JSON.parse(runtime(['features']).out) as {
    mountOptions: string[];
    linux: { namespaces: string[]; capabilities: string[]; intelRdt: object; cgroup: object };
  };
  t.like(features, { ociVersionMin: '1.0.0', ociVersionMax: '1.2.0' });
  t.is(features.linux.namespaces.length, 8);
  t.true(features.linux.capabilities.includes('CAP_CHECKPOINT_RESTORE'));
  for (const option of ['rbind', 'rro', 'ridmap', 'rslave']) t.true(features.mountOptions.includes(option));
  t.like(features.linux, { intelRdt: { enabled: false }, cgroup: { v1: true, v2: true, systemd: false } });
});

linux('spec writes a config.json that create takes, and never over one', (t) => {
  const path = join(directory, 'spec');
  mkdirSync(path);
  t.is(runtime(['spec', '--bundle', path]).status, 0);
  t.regex(runtime(['spec', '-b', path]).err, /exists/);
  const written = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as {
    process: { terminal: boolean; args: string[] };
  };
  t.deepEqual(written.process.args, ['sh']);
  const process = { ...written.process, terminal: false, args: ['sh', '-c', 'exit 5'] };
  const runnable = bundle('written', [], { ...written, process });
  mkdirSync(join(runnable, 'rootfs/sys'), { recursive: true });
  t.is(runtime(['run', '-b', runnable, unique('spec')]).status, 5);
});
