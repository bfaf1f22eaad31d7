/** runtime-spec 1.2, runtime.md: state, life cycle and errors. Also what is left when the command is killed on its way. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  bundle,
  cleanUp,
  complaint,
  config,
  directory,
  linux,
  linuxWith,
  mountsWith,
  namespacesWith,
  program,
  root,
  runtime,
  started,
  statusOf,
  unique,
  until,
} from './bundle.ts';

test.after.always(cleanUp);

const created = (name: string, args: readonly string[] = ['sleep', '60'], more: object = {}): string => {
  const id = unique(name);
  runtime(['create', '-b', bundle(name, args, more), id], 'ignore');
  return id;
};

const shared = (name: string) => join(directory, name, 'rootfs');

linux('state has every property of the specification, and runc’s', (t) => {
  const annotations = { 'org.opencontainers.image.os': 'linux', 'com.example.key': 'a "quoted" value' };
  const id = started('state', { annotations });
  const state = JSON.parse(runtime(['state', id]).out) as Record<string, unknown>;
  t.like(state, {
    ociVersion: '1.2.0',
    id,
    status: 'running',
    bundle: join(directory, 'state'),
    annotations,
  });
  t.is(state.rootfs, shared('state'));
  t.is(state.owner, 'root');
  t.true(Math.abs(Date.parse(String(state.created)) - Date.now()) < 60_000);
  t.is(readFileSync(`/proc/${state.pid}/cmdline`, 'utf8'), 'sleep\0' + '60\0');
  runtime(['kill', id, 'KILL']);
});

linux('a stopped container still has its annotations, and no pid', async (t) => {
  const id = created('stopped', ['true'], { annotations: { a: 'b' } });
  runtime(['start', id]);
  await until(() => statusOf(id) === 'stopped');
  t.like(JSON.parse(runtime(['state', id]).out), { status: 'stopped', pid: 0, annotations: { a: 'b' } });
});

linux(
  'create does not run the program, and what is written to config.json after it has no effect',
  async (t) => {
    const id = created('not-yet', ['sh', '-c', 'echo > /ran']);
    const file = join(directory, 'not-yet/config.json');
    writeFileSync(file, JSON.stringify(config(['sh', '-c', 'echo > /other'])));
    const ran = (name: string) => existsSync(join(shared('not-yet'), name));
    t.false(ran('ran'));
    t.is(statusOf(id), 'created');
    runtime(['start', id]);
    await until(() => ran('ran'));
    t.true(ran('ran'));
    t.false(ran('other'));
  },
);

linux('an operation without an id, or on an id that is unknown, is an error', (t) => {
  for (const command of ['state', 'create', 'start', 'kill', 'delete']) {
    const { status, err } = runtime([command]);
    t.is(status, 1, command);
    t.regex(err, /container id is missing/, command);
  }
  for (const command of ['state', 'start', 'kill', 'delete'])
    t.regex(runtime([command, unique('unknown')]).err, /does not exist/, command);
});

linux('an id in use, or with other letters, is refused, and the container that has it stays', (t) => {
  const id = created('mine');
  t.regex(runtime(['create', '-b', join(directory, 'mine'), id]).err, /already exists/);
  t.is(statusOf(id), 'created');
  for (const wrong of ['a/b', '..', '.', 'a b', '', 'é', 'x'.repeat(256)])
    t.regex(
      runtime(['create', '-b', join(directory, 'mine'), wrong]).err,
      /invalid container id|missing/,
      wrong,
    );
});

linux('start on what is not created is an error and has no effect', async (t) => {
  const id = started('started');
  t.regex(runtime(['start', id]).err, /already running/);
  t.is(statusOf(id), 'running');
  runtime(['pause', id]);
  t.regex(runtime(['start', id]).err, /paused/);
  runtime(['resume', id]);
  runtime(['kill', id, 'KILL']);
  await until(() => statusOf(id) === 'stopped');
  t.regex(runtime(['start', id]).err, /stopped/);
});

linux('kill reaches a created and a running container, and is an error on a stopped one', async (t) => {
  const first = created('kill-created');
  t.is(runtime(['kill', first, 'KILL']).status, 0);
  await until(() => statusOf(first) === 'stopped');
  t.regex(runtime(['kill', first, 'TERM']).err, /not running/);
  t.regex(runtime(['kill', first, '0']).err, /not running/);
  const id = created('kill-running', [
    'sh',
    '-c',
    'trap "echo > /usr1" USR1; while true; do sleep 0.1; done',
  ]);
  runtime(['start', id], 'ignore');
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.is(runtime(['kill', id, 'sigusr1']).status, 0);
  const heard = join(shared('kill-running'), 'usr1');
  await until(() => existsSync(heard));
  t.true(existsSync(heard));
  t.is(runtime(['kill', id, '9']).status, 0);
  await until(() => statusOf(id) === 'stopped');
});

linux('delete of a running container is an error and has no effect; what it shared stays afterwards', (t) => {
  const id = started('running');
  t.regex(runtime(['delete', id]).err, /not stopped: running/);
  t.is(statusOf(id), 'running');
  t.is(runtime(['delete', '-f', id]).status, 0);
  t.true(existsSync(join(shared('running'), 'bin/busybox')));
  t.is(
    runtime(['create', '-b', join(directory, 'running'), id], 'ignore').status,
    0,
    'the id can be used again',
  );
});

linux('kill --all signals every process, KILL without a pid namespace as well', async (t) => {
  const script = 'trap : TERM; sleep 77 & sleep 77 & wait; wait; sleep 77';
  const id = created('all', ['sh', '-c', script], {
    linux: linuxWith({ namespaces: namespacesWith(['pid']) }),
  });
  runtime(['start', id], 'ignore');
  const pids = () => JSON.parse(runtime(['ps', '-f', 'json', id]).out) as number[];
  await until(() => pids().length === 3);
  t.is(runtime(['kill', '--all', id, 'TERM']).status, 0);
  await until(() => pids().length === 2);
  t.is(runtime(['kill', id, 'KILL']).status, 0);
  await until(() => pids().length === 0);
  t.deepEqual(pids(), []);
});

linux('a start that is killed after its word was heard leaves a running container', async (t) => {
  const startContainer = [{ path: '/bin/sh', args: ['sh', '-c', 'echo > /hook; sleep 1'] }];
  const id = created('start-killed', ['sleep', '60'], { hooks: { startContainer } });
  const start = spawn(program, ['--root', root, 'start', id], { stdio: 'ignore' });
  await until(() => existsSync(join(shared('start-killed'), 'hook')));
  t.is(statusOf(id), 'created');
  start.kill('SIGKILL');
  await once(start, 'exit');
  await until(() => statusOf(id) === 'running');
  t.is(statusOf(id), 'running');
  t.regex(runtime(['start', id]).err, /already running/);
  t.is(runtime(['delete', '-f', id]).status, 0);
});

linux('a create that is killed at any point can be deleted, and its id used again', async (t) => {
  const path = bundle('any-point', ['sleep', '60']);
  const id = unique('any-point');
  for (const delay of [1, 2, 4, 6, 8, 10, 13, 16, 20]) {
    const create = spawn(program, ['--root', root, 'create', '-b', path, id], { stdio: 'ignore' });
    const ended = once(create, 'exit');
    await new Promise((resolve) => setTimeout(resolve, delay));
    create.kill('SIGKILL');
    await ended;
    t.is(runtime(['delete', '--force', id]).status, 0, `killed after ${delay} ms`);
    t.regex(runtime(['state', id]).err, /does not exist/);
  }
  t.is(runtime(['create', '-b', path, id], 'ignore').status, 0);
  t.is(runtime(['delete', '-f', id]).status, 0);
});

linux(
  'of two deletes, and of a kill and a delete at once, neither fails for a reason of its own',
  async (t) => {
    for (const other of [['delete', '-f'], ['kill'], ['state'], ['pause']]) {
      const id = started(`race-${other[0]}`);
      const run = (args: readonly string[]) => {
        const child = spawn(program, ['--root', root, ...args, id], { stdio: ['ignore', 'ignore', 'pipe'] });
        let err = '';
        child.stderr.setEncoding('utf8').on('data', (part: string) => {
          err += part;
        });
        return once(child, 'close').then(([status]) => ({ status: status as number, err }));
      };
      const [removed, second] = await Promise.all([run(['delete', '-f']), run(other)]);
      t.is(removed.status, 0, removed.err);
      if (second.status !== 0) t.regex(second.err, /does not exist|not running|no cgroup|is gone/, other[0]);
      t.regex(runtime(['state', id]).err, /does not exist/);
    }
  },
);

linux('an error of create leaves nothing: no state, no process, no mount, no cgroup', (t) => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8');
  const failing: readonly (readonly [string, object])[] = [
    ['late-mount', { mounts: mountsWith({ destination: '/m', source: '/nonexistent', options: ['bind'] }) }],
    ['late-exec', { process: { ...config(['/nonexistent']).process } }],
    ['late-cwd', { process: { ...config(['true']).process, cwd: '/proc/1/mem' } }],
    ['late-user', { linux: linuxWith({ sysctl: { 'net.ipv4.unheard': '1' } }) }],
  ];
  for (const [name, more] of failing) {
    t.notRegex(complaint(name, more), /^status 0/, name);
    t.false(existsSync(join(root, unique(name))), name);
    const groups = spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', unique(name)], {
      encoding: 'utf8',
    });
    t.is(groups.stdout, '', name);
  }
  t.is(readFileSync('/proc/self/mountinfo', 'utf8'), before);
});

linux(
  'config.json that is missing, no JSON, deeply nested or of another version is refused, the field named',
  (t) => {
    const path = bundle('document', ['true']);
    const file = join(path, 'config.json');
    const said = (text: string) => {
      writeFileSync(file, text);
      return runtime(['create', '-b', path, unique('document')]).err;
    };
    t.regex(said('{'), /not JSON at byte 1/);
    t.regex(said('[]'), /expected an object/);
    t.regex(said('{}'), /ociVersion: expected a string/);
    t.regex(said(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`), /ociVersion/);
    t.regex(said(JSON.stringify({ ...config(['true']), ociVersion: '2.0.0' })), /ociVersion: only 1\.x/);
    for (const ociVersion of ['1.0.0', '1.1.0', '1.2.0-rc.1', '1.2.1+build']) {
      writeFileSync(file, JSON.stringify({ ...config(['sh', '-c', 'exit 8']), ociVersion }));
      t.is(runtime(['run', '-b', path, unique('document')]).status, 8, ociVersion);
    }
    t.regex(
      said(JSON.stringify({ ...config(['true']), linux: { namespaces: {} } })),
      /linux\.namespaces: expected an array/,
    );
    t.regex(runtime(['create', '-b', join(directory, 'nowhere'), unique('nowhere')]).err, /bundle.*nowhere/);
  },
);
