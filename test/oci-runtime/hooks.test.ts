import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bundle, cleanUp, directory, linux, runtime, statusOf, unique } from './bundle.ts';

test.after.always(cleanUp);

const kinds = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'];

/** Hooks that append their kind to the file `order` in the root file system of the bundle `name`. */
function recordingHooks(name: string) {
  const outside = join(directory, name, 'rootfs/order');
  const hook = (kind: string) => {
    const file = kind === 'startContainer' ? '/order' : outside;
    return [{ path: '/bin/sh', args: ['sh', '-c', `echo ${kind} >> ${file}`] }];
  };
  return Object.fromEntries(kinds.map((kind) => [kind, hook(kind)]));
}

linux('hooks run in the order of the specification: three at create, two at start, one after delete', (t) => {
  const id = unique('hooks');
  const path = bundle('hooks', ['sleep', '60'], { hooks: recordingHooks('hooks') });
  const order = () => readFileSync(join(path, 'rootfs/order'), 'utf8').trim().split('\n');
  t.is(runtime(['create', '-b', path, id], 'ignore').status, 0);
  t.deepEqual(order(), kinds.slice(0, 3));
  t.is(runtime(['start', id]).status, 0);
  t.deepEqual(order(), kinds.slice(0, 5));
  t.is(runtime(['delete', '-f', id]).status, 0);
  t.deepEqual(order(), kinds);
});

linux('a hook is told of the container on its standard input', (t) => {
  const id = unique('told');
  const file = join(directory, 'told.json');
  const createRuntime = [{ path: '/bin/sh', args: ['sh', '-c', `cat > ${file}`] }];
  const path = bundle('told', ['sleep', '60'], { hooks: { createRuntime }, annotations: { a: 'b' } });
  t.is(runtime(['create', '-b', path, id], 'ignore').status, 0);
  const told = JSON.parse(readFileSync(file, 'utf8')) as { pid: number };
  t.like(told, { ociVersion: '1.2.0', id, status: 'creating', bundle: path, annotations: { a: 'b' } });
  t.true(told.pid > 0);
  runtime(['delete', '-f', id]);
});

linux('a createRuntime hook that fails ends the create, and nothing is left but the poststop hook', (t) => {
  const id = unique('failing');
  const createRuntime = [{ path: '/bin/sh', args: ['sh', '-c', 'echo no network >&2; exit 3'] }];
  const { poststop } = recordingHooks('failing');
  const path = bundle('failing', ['sleep', '60'], { hooks: { createRuntime, poststop } });
  const { status, err } = runtime(['create', '-b', path, id]);
  t.is(status, 1);
  t.regex(err, /createRuntime.*no network/s);
  t.regex(runtime(['state', id]).err, /does not exist/);
  t.is(readFileSync(join(path, 'rootfs/order'), 'utf8'), 'poststop\n');
});

linux('a poststart hook that fails is a warning', (t) => {
  const id = unique('warned');
  const poststart = [{ path: '/bin/sh', args: ['sh', '-c', 'exit 3'] }];
  runtime(['create', '-b', bundle('warned', ['sleep', '60'], { hooks: { poststart } }), id], 'ignore');
  const { status, err } = runtime(['start', id]);
  t.is(status, 0);
  t.regex(err, /poststart/);
  t.is(statusOf(id), 'running');
  runtime(['delete', '-f', id]);
});

linux('a poststop hook without a timeout does not keep a container that is deleted by force', (t) => {
  const id = unique('endless');
  const poststop = [{ path: '/bin/sleep', args: ['sleep', '60'] }];
  const path = bundle('endless', ['sleep', '60'], { hooks: { poststop } });
  t.is(runtime(['create', '-b', path, id], 'ignore').status, 0);
  const began = Date.now();
  t.is(runtime(['delete', '-f', id]).status, 0);
  t.true(Date.now() - began < 30_000);
  t.not(runtime(['state', id]).status, 0);
});
