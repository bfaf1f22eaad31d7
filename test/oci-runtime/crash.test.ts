import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  bundle,
  cleanUp,
  directory,
  linux,
  program,
  root,
  runtime,
  statusOf,
  unique,
  until,
} from './bundle.ts';

test.after.always(cleanUp);

/** Neither gone nor a zombie. */
function lives(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

linux(
  'a create that is killed leaves a stopped container, which can be deleted and made again',
  async (t) => {
    const id = unique('killed');
    const marker = join(directory, 'marker');
    const createRuntime = [{ path: '/bin/sh', args: ['sh', '-c', `echo > ${marker}; exec sleep 2`] }];
    const path = bundle('killed', ['sleep', '60'], { hooks: { createRuntime } });
    const create = spawn(program, ['--root', root, 'create', '-b', path, id], { stdio: 'ignore' });
    await until(() => existsSync(marker));
    t.is(statusOf(id), 'creating');
    create.kill('SIGKILL');
    await once(create, 'exit');
    t.is(statusOf(id), 'stopped');
    t.is(runtime(['delete', id]).status, 0);
    t.is(runtime(['create', '-b', bundle('again', ['sleep', '60']), id], 'ignore').status, 0);
    t.is(runtime(['delete', id]).status, 0);
  },
);

linux('delete ends an init whose pid could not be noted', async (t) => {
  const id = unique('unnoted');
  t.is(runtime(['create', '-b', bundle('unnoted', ['sleep', '60']), id], 'ignore').status, 0);
  const file = join(root, id, 'state.json');
  const record = JSON.parse(readFileSync(file, 'utf8')) as { pid: number };
  writeFileSync(file, JSON.stringify({ ...record, pid: 0, pidStart: '' }));
  t.is(statusOf(id), 'stopped');
  t.true(lives(record.pid));
  t.is(runtime(['delete', '--force', id]).status, 0);
  await until(() => !lives(record.pid));
  t.false(lives(record.pid));
});

linux('a create in the cgroup of a running container fails and leaves that one alone', (t) => {
  const [first, second] = [unique('owner'), unique('intruder')];
  const shared = (name: string) =>
    bundle(name, ['sleep', '60'], {
      linux: {
        cgroupsPath: `/${unique('shared')}`,
        namespaces: ['mount', 'pid'].map((type) => ({ type })),
      },
    });
  t.is(runtime(['create', '-b', shared('owner'), first], 'ignore').status, 0);
  t.is(runtime(['create', '-b', shared('intruder'), second]).status, 1);
  t.is(statusOf(first), 'created');
  t.is(runtime(['start', first]).status, 0);
  t.is(runtime(['delete', '-f', first]).status, 0);
});
