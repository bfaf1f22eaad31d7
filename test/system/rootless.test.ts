import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { buildImage } from '../fixtures/image.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import type { TarEntry } from '../fixtures/tar.ts';

let registry: Registry;
let user: OrdinaryUser;
let busybox: string;

test.before(async () => {
  registry = await startRegistry();
  user = await OrdinaryUser.create();
  busybox = await registry.push(await busyboxImage(), 'busybox:latest');
});

test.after.always(async () => {
  await user?.[Symbol.asyncDispose]();
  await registry?.stop();
});

/** A command of the user's that must succeed; answers what it printed. */
async function strake(t: ExecutionContext, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await user.strake(argv);
  t.is(code, 0, `${argv.join(' ')}: ${stderr}`);
  return stdout;
}

async function assertNothingRuns(t: ExecutionContext): Promise<void> {
  t.deepEqual(await user.processesLeft(), []);
  t.deepEqual(user.mounts(), []);
}

test.serial('a user pulls an image and runs it, as root inside and as himself outside', async (t) => {
  await strake(t, 'pull', busybox);
  const { code, stdout, stderr } = await user.strake([
    'run',
    '--rm',
    busybox,
    'sh',
    '-c',
    'id -u; cat /proc/self/uid_map',
  ]);
  t.is(stderr, '');
  t.is(code, 0);
  t.regex(
    stdout,
    new RegExp(`^0\\n\\s*0\\s+${user.uid}\\s+1\\n\\s*1\\s+${user.firstSubordinate}\\s+65536\\n$`),
  );
  await assertNothingRuns(t);
});

test.serial('his root is readable by nobody else, and its files belong to him', async (t) => {
  const other = await OrdinaryUser.create();
  try {
    for (const path of [user.root, user.runDir]) {
      const { code, stderr } = await other.run(['ls', path]);
      t.not(code, 0);
      t.regex(stderr, /Permission denied/);
    }
    const { code, stderr } = await other.strake(['--root', user.root, 'ps']);
    t.is(code, 1);
    t.regex(stderr, /cannot use .*permission denied/i);
  } finally {
    await other[Symbol.asyncDispose]();
  }
});

test.serial('root refuses a root that belongs to a user, and a user one that belongs to root', async (t) => {
  const roots = join(user.home, 'of-root');
  mkdirSync(roots, { mode: 0o755 });
  const refused = await user.strake(['--root', roots, 'ps']);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /belongs to user 0/);
  const { openEngine } = await import('../../lib/engine/index.ts');
  const error = await t.throwsAsync(openEngine({ root: user.root }), { code: 'ERR_ROOT_INVALID' });
  t.regex(error.message, new RegExp(`belongs to user ${user.uid}`));
});

test.serial('a container lives through exec, logs, stop, start, kill and rm', async (t) => {
  const script = 'echo up; trap "exit 3" TERM; while :; do sleep 0.05; done';
  await strake(t, 'run', '-d', '--name', 'life', busybox, 'sh', '-c', script);
  t.is(await strake(t, 'exec', 'life', 'id', '-u'), '0\n');
  t.is(await strake(t, 'exec', '-u', '33:33', 'life', 'sh', '-c', 'id -u; id -g'), '33\n33\n');
  t.is(await strake(t, 'exec', 'life', 'cat', '/proc/1/comm'), 'sh\n');
  t.is(await strake(t, 'logs', 'life'), 'up\n');
  t.regex(await strake(t, 'ps'), /life\n$/);
  await strake(t, 'stop', '-t', '5', 'life');
  t.is(await strake(t, 'wait', 'life'), '3\n');
  await strake(t, 'start', 'life');
  await strake(t, 'kill', 'life');
  t.is(await strake(t, 'wait', 'life'), '137\n');
  await strake(t, 'rm', 'life');
  t.is(await strake(t, 'ps', '-aq'), '');
  await assertNothingRuns(t);
});

test.serial('a container is one and the same from every session of his', async (t) => {
  await strake(t, 'run', '-d', '--name', 'seen', busybox, 'sleep', '60');
  for (const directory of ['', '/run/user/0', join(user.home, 'elsewhere')]) {
    const { stdout, stderr } = await user.strake(['ps'], { variables: [`XDG_RUNTIME_DIR=${directory}`] });
    t.regex(stdout, /Up .*seen/, `XDG_RUNTIME_DIR=${directory}: ${stderr}`);
  }
  await strake(t, 'rm', '-f', 'seen');
  await assertNothingRuns(t);
});

test.serial('files of other ids are his to make and to remove, with rm and with --rm', async (t) => {
  const script = 'mkdir -m 700 /d /v/d; touch /d/f /v/d/f; chown -R 33:34 /d /v/d; stat -c %u:%g /d/f /v/d/f';
  t.is(await strake(t, 'run', '--name', 'ids', '-v', '/v', busybox, 'sh', '-c', script), '33:34\n33:34\n');
  const made = user.subordinateFiles(user.root);
  t.true(made.filter((path) => path.endsWith('/f')).length === 2, made.join('\n'));
  await strake(t, 'rm', '-v', 'ids');
  t.deepEqual(user.subordinateFiles(user.root), []);
  await strake(t, 'run', '--rm', '-v', '/v', busybox, 'sh', '-c', script);
  t.deepEqual(user.subordinateFiles(user.root), []);
  await assertNothingRuns(t);
});

test.serial(
  "a terminal, a read-only root, tmpfs, his own directories and the host's network are there",
  async (t) => {
    t.is((await strake(t, 'run', '--rm', '-t', busybox, 'tty')).trim(), '/dev/pts/0');
    writeFileSync(join(user.home, 'his'), 'his own\n');
    chownSync(join(user.home, 'his'), user.uid, user.uid);
    const script = 'cat /h/his; touch /t/a /h/new; touch /x 2>/dev/null || echo read-only';
    const argv = ['--read-only', '--tmpfs', '/t', '-v', `${user.home}:/h`];
    t.is(await strake(t, 'run', '--rm', ...argv, busybox, 'sh', '-c', script), 'his own\nread-only\n');
    t.true(existsSync(join(user.home, 'new')));
    t.regex(
      await strake(
        t,
        'run',
        '--rm',
        '--network',
        'host',
        busybox,
        'wget',
        '-qO-',
        `http://${registry.address}/v2/`,
      ),
      /^\{\}/,
    );
    const processes = await strake(
      t,
      'run',
      '--rm',
      '--pid',
      'host',
      busybox,
      'sh',
      '-c',
      'ls -d /proc/[0-9]* | wc -l',
    );
    t.true(Number(processes) > 10);
  },
);

test.serial('what a user may not have is refused, or left out, with the remedy', async (t) => {
  const limited = await user.strake(['run', '--rm', '--memory', '50m', busybox, 'true']);
  t.is(limited.code, 125);
  t.regex(limited.stderr, /limits\.memory needs a cgroup .*systemd-run --user --scope/);
  const open = await user.strake(['run', '--rm', '--ulimit', 'nofile=4000000', busybox, 'true']);
  t.is(open.code, 0);
  t.regex(open.stderr, /warning: RLIMIT_NOFILE is .*CAP_SYS_RESOURCE/);
  const host = await user.strake(['run', '--rm', '@host', 'true']);
  t.is(host.code, 125);
  t.regex(host.stderr, /@host is root's/);
  const unmapped = await user.strake(['run', '--rm', '-u', '70000', busybox, 'true']);
  t.is(unmapped.code, 125);
  t.regex(unmapped.stderr, /70000 does not exist in the container's user namespace.*subuid/);
  await strake(t, 'run', '-d', '--name', 'frozen', busybox, 'sleep', '60');
  const paused = await user.strake(['pause', 'frozen']);
  t.is(paused.code, 1);
  t.regex(paused.stderr, /cannot pause container frozen: .*cgroup/);
  await strake(t, 'rm', '-f', 'frozen');
  await assertNothingRuns(t);
});

test.serial('the root of a container is nobody outside', async (t) => {
  const secret = join(user.home, 'secret');
  writeFileSync(secret, 'of root\n', { mode: 0o600 });
  const run = (...argv: string[]) =>
    user.strake(['run', '--rm', '--privileged', '-v', '/etc:/e', '-v', `${user.home}:/h`, busybox, ...argv]);
  for (const script of [
    'cat /h/secret',
    'cat /e/shadow',
    'echo x >/e/passwd',
    'chown 0:0 /h/secret',
    'mknod /h/sda b 8 0',
    'echo 1 >/proc/sys/kernel/panic',
  ])
    t.not((await run('sh', '-c', script)).code, 0, script);
  t.is(readFileSync(secret, 'utf8'), 'of root\n');
  await assertNothingRuns(t);
});

test.serial('a layer that reaches outside writes nothing of his', async (t) => {
  await using hostile = await startQuirkyRegistry();
  const path = join(user.home, 'outside');
  mkdirSync(path, { mode: 0o777 });
  chownSync(path, user.uid, user.uid);
  writeFileSync(join(path, 'secret'), 'kept\n', { mode: 0o666 });
  const attacks: TarEntry[][] = [
    [{ path: `${'../'.repeat(12)}${path.slice(1)}/new`, content: 'x' }],
    [
      { path: 'link', target: path },
      { path: 'link/new', content: 'x' },
    ],
    [
      { path: 'link', target: `${path}/secret` },
      { path: 'link', content: 'x', mode: 0o4755 },
    ],
    [
      { path: 'link', target: path },
      { path: 'stolen', linkTo: 'link/secret' },
      { path: 'stolen', content: 'x' },
    ],
    [{ path: 'd/' }, { path: 'd', target: path }, { path: 'd/new', content: 'x', uid: 33, gid: 33 }],
  ];
  for (const [index, entries] of attacks.entries()) {
    const image = hostile.add(buildImage({ layers: [{ entries }] }), `attack-${index}`);
    const { code } = await user.strake(['pull', image]);
    t.deepEqual(readdirSync(path), ['secret'], `attack ${index}`);
    t.is(readFileSync(join(path, 'secret'), 'utf8'), 'kept\n', `attack ${index}`);
    if (code === 0) await strake(t, 'rmi', image);
  }
  t.deepEqual(user.subordinateFiles(user.root), []);
});

test.serial('a program of his uses the library', async (t) => {
  const program = join(user.home, 'program.mjs');
  writeFileSync(
    program,
    `import { openEngine } from ${JSON.stringify(join(user.checkout, 'dist/lib/engine/index.js'))};
     const engine = await openEngine();
     const result = await engine.run(${JSON.stringify(busybox)}, ['sh', '-c', 'cat; id -u'], { input: 'in\\n' });
     const container = await engine.containers.create(${JSON.stringify(busybox)}, { argv: ['sleep', '60'] });
     await container.start();
     const inside = await container.exec(['cat', '/proc/self/uid_map']);
     await container.remove({ force: true });
     const { user, capabilities } = await engine.system.info();
     console.log(JSON.stringify({ result, inside, uid: user.uid, subordinateIds: capabilities.subordinateIds }));`.replace(
      'await using engine =',
      'const engine =',
    ),
  );
  const { code, stdout, stderr } = await user.run(['node', program]);
  t.is(code, 0, stderr);
  const said = JSON.parse(stdout);
  t.is(said.result.stdout, 'in\n0\n');
  t.deepEqual(said.result.warnings, []);
  t.is(said.uid, user.uid);
  t.deepEqual(said.subordinateIds, { ok: true });
  await assertNothingRuns(t);
});

test.serial('a pull that is killed leaves no process, and the next one succeeds', async (t) => {
  await user.strake(['rmi', busybox]);
  for (const seconds of ['0.1', '0.15', '0.2', '0.25', '0.3']) {
    const script = `timeout -s KILL ${seconds} node ${join(user.checkout, 'bin/strake')} pull ${busybox}; true`;
    t.is((await user.run(['sh', '-c', script])).code, 0);
    await assertNothingRuns(t);
  }
  await strake(t, 'pull', busybox);
  t.is(await strake(t, 'run', '--rm', busybox, 'echo', 'whole'), 'whole\n');
});

test.serial('what he has pulled goes with rmi, and no subordinate file stays', async (t) => {
  await strake(t, 'rmi', busybox);
  t.deepEqual(user.subordinateFiles(user.home), []);
  t.is(await strake(t, 'images', '-q'), '');
});

test.serial('system info says who he is and what he has', async (t) => {
  const info = JSON.parse(await strake(t, 'system', 'info', '--format', 'json'));
  t.deepEqual(info.user.idMap.uids, [
    { containerID: 0, hostID: user.uid, size: 1 },
    { containerID: 1, hostID: user.firstSubordinate, size: 65_536 },
  ]);
  t.is(info.root, user.root);
  t.is(info.runDir, user.runDir);
  for (const name of ['overlay', 'userNamespaces', 'seccomp', 'subordinateIds'])
    t.true(info.capabilities[name].ok, `${name}: ${info.capabilities[name].reason}`);
  t.deepEqual(info.cgroupControllers, []);
  t.regex(info.capabilities.cgroups.reason, /none is delegated/);
  t.regex(await strake(t, 'info'), /subordinateIds +yes/);
});

test.serial('a root of other ids than the user has now is refused', async (t) => {
  const root = join(user.home, 'other-ids');
  mkdirSync(root);
  writeFileSync(join(root, 'version'), '1\n');
  writeFileSync(join(root, 'id-map'), '0:1:1 1:100000:65536\n0:1:1 1:100000:65536\n');
  for (const path of [root, join(root, 'version'), join(root, 'id-map')]) chownSync(path, user.uid, user.uid);
  chmodSync(root, 0o700);
  for (const files of ['containers/a', 'volumes/a', 'layers/layers/a', 'layers/ingest/a']) {
    mkdirSync(join(root, files), { recursive: true });
    const { code, stderr } = await user.strake(['--root', root, 'ps']);
    t.is(code, 1);
    t.regex(stderr, /its files were made with the ids 0:1:1 1:100000:65536/, files);
    rmSync(join(root, files.split('/')[0] ?? ''), { recursive: true });
  }
  mkdirSync(join(root, 'volumes/a'), { recursive: true });
  for (const [ids, code] of [
    ['1', 1], // one id alone: all owners were written as that one
    [`1 1:${user.firstSubordinate}:65537`, 1],
    [`1 1:${user.firstSubordinate}:1000`, 0], // the same ids and fewer
  ] as const) {
    const ranges = `0:${user.uid}:${ids}\n`;
    writeFileSync(join(root, 'id-map'), ranges.repeat(2));
    t.is((await user.strake(['--root', root, 'ps'])).code, code, ranges);
  }
  writeFileSync(join(root, 'id-map'), '0:1:1 1:100000:65536\n'.repeat(2));
  rmSync(join(root, 'volumes'), { recursive: true });
  t.is((await user.strake(['--root', root, 'ps'])).code, 0, 'it has no files, and takes the ids of now');
  t.regex(
    readFileSync(join(root, 'id-map'), 'utf8'),
    new RegExp(`0:${user.uid}:1 1:${user.firstSubordinate}:`),
  );
});

test.serial('an ordinary user shares namespaces among his containers, /dev/shm too', async (t) => {
  await strake(
    t,
    'run',
    '-d',
    '--name',
    'donor',
    '--ipc',
    'shareable',
    busybox,
    'sh',
    '-c',
    'echo shared > /dev/shm/a; sleep 60',
  );
  const namespaces = 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/user';
  const donors = await strake(t, 'exec', 'donor', 'sh', '-c', namespaces);
  const flags = ['--ipc', 'container:donor', '--network', 'container:donor', '--pid', 'container:donor'];
  const guests = await strake(
    t,
    'run',
    '--rm',
    ...flags,
    busybox,
    'sh',
    '-c',
    `${namespaces}; cat /dev/shm/a; ps | grep -q "[s]leep 60" && echo seen`,
  );
  t.regex(guests, /\nshared\nseen\n$/);
  t.is(guests.split('\n').slice(0, 3).join('\n'), donors.trim());
  await strake(t, 'rm', '-f', 'donor');
});
