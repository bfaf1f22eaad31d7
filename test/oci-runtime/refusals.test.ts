import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bundle, cleanUp, complaint, config, linux, runtime, unique } from './bundle.ts';

test.after.always(cleanUp);

const namespaces = config([]).linux.namespaces;

linux('what has no effect is refused by the name of its field', (t) => {
  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['rdt', { intelRdt: { closID: 'x' } }, /linux\.intelRdt: .*not supported/],
    ['label', { mountLabel: 'system_u:x' }, /linux\.mountLabel: .*not supported/],
    ['rdma', { resources: { rdma: { mlx5_1: { hcaHandles: 3 } } } }, /resources\.rdma\.mlx5_1: .*not supp/],
    ['class', { resources: { network: { classID: 1 } } }, /network\.classID: net_cls is not supported/],
    ['priority', { resources: { network: { priorities: [{}] } } }, /priorities\[0\]: net_prio is not/],
    ['policy', { memoryPolicy: { mode: 'x' } }, /linux\.memoryPolicy: not supported/],
  ];
  for (const [name, linux, message] of refused)
    t.regex(complaint(name, { linux: { namespaces, ...linux } }), message);
  t.is(runtime(['list', '-q']).out, '');
});

linux('empty members of the same names ask for nothing', (t) => {
  const resources = { network: { priorities: [], classID: 0 }, rdma: {} };
  const path = bundle('empty', ['sh', '-c', 'exit 4'], { linux: { namespaces, mountLabel: '', resources } });
  t.is(runtime(['run', '-b', path, unique('empty')]).status, 4);
});

linux('an invalid configuration is refused by the name of the field, and leaves nothing', (t) => {
  t.regex(complaint('version', { ociVersion: '2.0.0' }), /ociVersion/);
  t.regex(
    complaint('cwd', { process: { ...config(['x']).process, cwd: 'tmp' } }),
    /process\.cwd: must be abs/,
  );
  t.regex(complaint('kind', { linux: { namespaces: [{ type: 'x' }] } }), /linux\.namespaces\[0\]\.type/);
  t.regex(complaint('hook', { hooks: { poststop: [{ path: 'x' }] } }), /hooks\.poststop\[0\]\.path/);
  const path = bundle('text', ['x']);
  writeFileSync(join(path, 'config.json'), readFileSync(join(path, 'config.json'), 'utf8').slice(0, 40));
  t.regex(runtime(['create', '-b', path, unique('text')]).err, /not JSON at byte/);
  t.is(runtime(['list', '-q']).out, '');
});

linux('flags and commands that are not supported are refused by name', (t) => {
  t.regex(runtime(['--systemd-cgroup', 'list']).err, /--systemd-cgroup is not supported/);
  t.regex(runtime(['--criu', 'criu', 'list']).err, /--criu is not supported/);
  t.regex(runtime(['--rootless', 'maybe', 'list']).err, /--rootless: true, false or auto/);
  for (const name of ['checkpoint', 'restore'])
    t.regex(runtime([name, 'x']).err, new RegExp(`command ${name} is not supported`));
  const path = bundle('pivot', ['sleep', '1']);
  t.regex(runtime(['run', '--no-pivot', '-b', path, unique('pivot')]).err, /--no-pivot is not supported/);
  t.regex(runtime(['run', '--unheard-of', '-b', path, unique('pivot')]).err, /unheard-of/);
  t.regex(runtime(['unheard-of']).err, /unknown command/);
  t.regex(runtime(['--log-format', 'xml', 'list']).err, /invalid log-format/);
});

linux('every command but delete --force says that an unknown id does not exist', (t) => {
  const id = unique('unknown');
  const commands = ['state', 'start', 'kill', 'delete', 'pause', 'resume', 'ps', 'events', 'update'];
  for (const command of commands) t.regex(runtime([command, id]).err, /does not exist/, command);
  t.regex(runtime(['exec', id, 'sh']).err, /does not exist/);
  t.is(runtime(['delete', '--force', id]).status, 0);
});

linux('a created container cannot be resumed, nor a paused one entered or deleted', (t) => {
  const id = unique('state');
  t.is(runtime(['create', '-b', bundle('state', ['sleep', '60']), id], 'ignore').status, 0);
  t.regex(runtime(['resume', id]).err, /not paused/);
  t.is(runtime(['start', id]).status, 0);
  t.is(runtime(['pause', id]).status, 0);
  t.regex(runtime(['exec', id, 'sh']).err, /paused/);
  t.regex(runtime(['delete', id]).err, /not stopped/);
  t.is(runtime(['resume', id]).status, 0);
  t.regex(runtime(['kill', id, 'NOSUCH']).err, /unknown signal/);
  runtime(['delete', '--force', id]);
});
