/** runtime-spec 1.2, config.md "POSIX-platform Hooks" and the steps of runtime.md's life cycle that speak of them. */
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bundle, cleanUp, complaint, directory, linux, runtime, statusOf, unique } from './bundle.ts';

test.after.always(cleanUp);

const script = (text: string, more: object = {}) => [{ path: '/bin/sh', args: ['sh', '-c', text], ...more }];
const atCreate = ['prestart', 'createRuntime', 'createContainer'] as const;
const inContainer = ['createContainer', 'startContainer'] as const;

/** A bundle whose hooks write the file `KIND` beside the others, or below /told for those in the container's root. */
function observing(
  name: string,
  text: (file: string) => string,
): { path: string; told: (kind: string) => string } {
  const place = join(directory, `${name}-told`);
  const inside = join(directory, name, 'rootfs/told');
  mkdirSync(place);
  const kinds = [...atCreate, 'startContainer', 'poststart', 'poststop'];
  const fileOf = (kind: string) => (kind === 'startContainer' ? `/told/${kind}` : join(place, kind));
  const hooks = Object.fromEntries(kinds.map((kind) => [kind, script(text(fileOf(kind)))]));
  const path = bundle(name, ['sleep', '60'], { hooks });
  mkdirSync(inside);
  const told = (kind: string) =>
    readFileSync(join(kind === 'startContainer' ? inside : place, kind), 'utf8').trim();
  return { path, told };
}

function whole(path: string, id: string): void {
  runtime(['create', '-b', path, id], 'ignore');
  runtime(['start', id], 'ignore');
  runtime(['delete', '-f', id], 'ignore');
}

linux('each hook is told the state of its step, with the pid that its namespace knows', (t) => {
  const id = unique('step');
  const { path, told } = observing('step', (file) => `cat > ${file}`);
  whole(path, id);
  const state = (kind: string) => JSON.parse(told(kind)) as { status: string; pid: number };
  for (const kind of atCreate)
    t.like(state(kind), { id, status: 'creating', bundle: path, ociVersion: '1.2.0' });
  t.like(state('startContainer'), { id, status: 'created', pid: 1 });
  t.like(state('poststart'), { id, status: 'running' });
  t.like(state('poststop'), { id, status: 'stopped' });
  t.is(state('createContainer').pid, 1);
  t.is(state('createRuntime').pid, state('poststart').pid);
  t.true(state('prestart').pid > 1);
});

linux(
  "createContainer and startContainer run in the container's namespaces, the others in the runtime's",
  (t) => {
    const { path, told } = observing('namespaces', (file) => `readlink /proc/self/ns/uts > ${file}`);
    whole(path, unique('namespaces'));
    const own = readlinkSync('/proc/self/ns/uts');
    for (const kind of ['prestart', 'createRuntime', 'poststart', 'poststop']) t.is(told(kind), own, kind);
    for (const kind of inContainer) t.not(told(kind), own, kind);
    t.is(told('createContainer'), told('startContainer'));
  },
);

linux("createContainer's path is the host's, startContainer's the container's", (t) => {
  const { path, told } = observing('roots', (file) => `ls / > ${file}`);
  whole(path, unique('roots'));
  t.regex(told('createContainer'), /^sys$/m);
  t.notRegex(told('startContainer'), /^sys$/m);
  t.regex(told('startContainer'), /^told$/m);
});

linux('args begin with argv[0], env is all of the environment, and no args is the path', (t) => {
  const file = join(directory, 'argv.txt');
  const createRuntime = [
    {
      path: '/bin/sh',
      args: ['zero', '-c', `echo $0 > ${file}; env >> ${file}`],
      env: ['PATH=/bin:/usr/bin', 'A=b c'],
    },
  ];
  const id = unique('argv');
  runtime(['create', '-b', bundle('argv', ['sleep', '60'], { hooks: { createRuntime } }), id], 'ignore');
  runtime(['delete', '-f', id]);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  t.is(lines[0], 'zero');
  t.true(lines.includes('A=b c'));
  t.deepEqual(
    lines.filter((line) => /^(HOME|USER|LANG)=/.test(line)),
    [],
  );
  const program = join(directory, 'argv0.link');
  symlinkSync('/bin/true', program);
  t.is(
    runtime(['run', '-b', bundle('argv0', ['true'], { hooks: { createRuntime: [{ path: program }] } }), id])
      .status,
    0,
  );
});

linux('hooks of one kind run in the listed order, and stop at the first that fails', (t) => {
  const file = join(directory, 'listed.txt');
  const append = (word: string, then = '') => script(`echo ${word} >> ${file}; ${then}`)[0];
  const createRuntime = [append('one'), append('two', 'exit 4'), append('three')];
  t.regex(complaint('listed', { hooks: { createRuntime } }), /createRuntime hook 1 .*exit status 4/);
  t.is(readFileSync(file, 'utf8'), 'one\ntwo\n');
});

linux('a hook that exceeds its timeout is killed; a timeout of 0 is refused', (t) => {
  const before = Date.now();
  const slow = { createRuntime: script('sleep 20', { timeout: 1 }) };
  t.regex(complaint('slow', { hooks: slow }), /killed after its timeout of 1 s/);
  t.true(Date.now() - before < 10_000);
  t.regex(
    complaint('zero', { hooks: { poststop: script('true', { timeout: 0 }) } }),
    /poststop\[0\]\.timeout/,
  );
});

linux('a hook at create that fails ends the container, destroys it and runs poststop', (t) => {
  for (const kind of atCreate) {
    const gone = join(directory, `gone-${kind}`);
    const hooks = { [kind]: script('echo because >&2; exit 5'), poststop: script(`echo > ${gone}`) };
    t.regex(complaint(`fail-${kind}`, { hooks }), new RegExp(`${kind} hook 0 .*exit status 5: because`));
    t.true(existsSync(gone), kind);
    t.regex(runtime(['state', unique(`fail-${kind}`)]).err, /does not exist/);
  }
});

linux('a startContainer hook that fails makes start fail, destroys the container and runs poststop', (t) => {
  const id = unique('start-hook');
  const gone = join(directory, 'gone-start');
  const hooks = { startContainer: script('exit 5'), poststop: script(`echo > ${gone}`) };
  const ran = join(directory, 'start-hook/rootfs/ran');
  const path = bundle('start-hook', ['sh', '-c', 'echo > /ran'], { hooks });
  t.is(runtime(['create', '-b', path, id], 'ignore').status, 0);
  t.false(existsSync(gone));
  const { status, err } = runtime(['start', id]);
  t.is(status, 1);
  t.regex(err, /startContainer hook 0/);
  t.true(existsSync(gone));
  t.false(existsSync(ran));
  t.regex(runtime(['state', id]).err, /does not exist/);
});

linux('a poststop hook that fails is a warning, and the next one runs', (t) => {
  const id = unique('poststop');
  const next = join(directory, 'next');
  const poststop = [...script('exit 3'), ...script(`echo > ${next}`)];
  const path = bundle('poststop', ['sleep', '60'], { hooks: { poststop } });
  runtime(['create', '-b', path, id], 'ignore');
  const { status, err } = runtime(['delete', '-f', id]);
  t.is(status, 0);
  t.regex(err, /poststop hook 0/);
  t.true(existsSync(next));
});

linux('while a startContainer hook runs the container is created, and after it running', (t) => {
  const id = unique('status');
  const path = bundle('status', ['sleep', '60'], { hooks: { startContainer: script('sleep 1') } });
  runtime(['create', '-b', path, id], 'ignore');
  runtime(['start', id], 'ignore');
  t.is(statusOf(id), 'running');
});

linux('a hook may take weeks', (t) => {
  const weeks = { prestart: [{ path: '/bin/sleep', args: ['sleep', '0.9'], timeout: 4_294_968 }] };
  t.is(runtime(['run', '-b', bundle('weeks', ['true'], { hooks: weeks }), unique('weeks')]).status, 0);
});
