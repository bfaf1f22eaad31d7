import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { nativeFile } from '../../bindings/load.ts';
import { probe } from '../../bindings/probe.ts';

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'strake-probe-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const namespaces = ['mnt', 'user', 'pid', 'net', 'cgroup'];

/** What a probe could leave behind in this process or on this machine. */
function traces(): Record<string, unknown> {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    namespaces: namespaces.map((name) => readlinkSync(`/proc/self/ns/${name}`)),
    threads: readdirSync('/proc/self/task')
      .map((thread) => namespaces.map((name) => readlinkSync(`/proc/self/task/${thread}/ns/${name}`)).join())
      .filter((each, index, all) => all.indexOf(each) === index),
    filter: /Seccomp:.*\nSeccomp_filters:.*/.exec(readFileSync('/proc/self/status', 'utf8'))?.[0],
    noNewPrivileges: /NoNewPrivs:.*/.exec(readFileSync('/proc/self/status', 'utf8'))?.[0],
    limits: readFileSync('/proc/self/limits', 'utf8'),
  };
}

test('every capability is answered, and what cannot be done says why', async (t) => {
  const found = await probe(directory(t));
  t.deepEqual(Object.keys(found).sort(), [
    'cgroups',
    'erofs',
    'idmappedMounts',
    'overlay',
    'overlayByFd',
    'raiseLimits',
    'root',
    'seccomp',
    'userNamespaces',
  ]);
  for (const [name, { ok, reason }] of Object.entries(found)) {
    if (ok) t.is(reason, undefined, name);
    else t.true((reason ?? '').length > 20, `${name}: ${reason}`);
  }
});

test('a probe leaves nothing behind: no file, mount, namespace, filter or limit', async (t) => {
  const root = directory(t);
  await probe(root);
  const before = traces();
  const descriptors = readdirSync('/proc/self/fd').length;
  await probe(root);
  t.deepEqual(traces(), before);
  t.is(readdirSync('/proc/self/fd').length, descriptors);
  t.deepEqual(readdirSync(root), []);
});

test('a root that does not exist is told as the reason', async (t) => {
  const found = await probe('/nowhere/at/all');
  t.false(found.overlay.ok);
  t.regex(found.overlay.reason ?? '', /nowhere/);
});

const rootTest = process.getuid?.() === 0 ? test : test.skip;
rootTest('a user who is not root is told what would help', (t) => {
  const root = directory(t);
  chmodSync(root, 0o755);
  cpSync(nativeFile('strake.node'), join(root, 'strake.node'));
  mkdirSync(join(root, 'own'));
  chmodSync(join(root, 'own'), 0o777);
  const script = `require('./strake.node').probe('own').then((found) => console.log(JSON.stringify(found)))`;
  const found = JSON.parse(
    execFileSync(process.execPath, ['-e', script], { cwd: root, uid: 65534, gid: 65534, encoding: 'utf8' }),
  );
  t.regex(found.root.reason, /user 65534.*sudo/);
  t.regex(found.overlay.reason, /root|CAP_SYS_ADMIN/);
  t.false(found.cgroups.ok);
  t.regex(found.idmappedMounts.reason, /root/);
});
