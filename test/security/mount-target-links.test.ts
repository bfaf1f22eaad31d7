import { readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { type AttackGround, openAttackGround } from '../fixtures/attack.ts';
import { makeFastFolder } from '../fixtures/cache.ts';
import { watchLeaks } from '../fixtures/leaks.ts';

/**
 * CVE-2021-30465, CVE-2019-19921, CVE-2022-23648, CVE-2025-31133, CVE-2025-52565: what is to be mounted inside a container goes
 * where a link in its image points to.
 */
let ground: AttackGround;

test.before(async () => {
  ground = await openAttackGround();
});

test.after.always(async () => {
  await ground?.[Symbol.asyncDispose]();
});

const list = ['sh', '-c', 'cat /proc/self/mountinfo | cut -d" " -f5; true'];

test.serial('a mount whose target is behind an absolute link stays in the container', async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const reference = await ground.serveAboveBusybox({
    layers: [{ entries: [{ path: 'data', target: ground.canary.path }] }],
  });
  await attempt(() =>
    ground.engine.run(reference, list, { mounts: [{ type: 'tmpfs', target: '/data/new' }] }),
  );
  await attempt(() => ground.engine.run(reference, list, { mounts: [{ type: 'tmpfs', target: '/data' }] }));
  t.deepEqual(await ground.damage(), []);
});

test.serial('a mount whose target is behind a link with dots stays in the container', async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const entries = [{ path: 'data', target: ground.canary.relativePath }];
  const reference = await ground.serveAboveBusybox({ layers: [{ entries }] });
  await attempt(() =>
    ground.engine.run(reference, list, { mounts: [{ type: 'tmpfs', target: '/data/new' }] }),
  );
  t.deepEqual(await ground.damage(), []);
});

test.serial('an image whose /proc is a link does not get its own folder for /proc', async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const entries = [
    { path: 'fake/' },
    { path: 'fake/self/' },
    { path: 'fake/self/marker', content: 'fake' },
    { path: '.wh.proc', content: '' },
    { path: 'proc', target: 'fake' },
  ];
  const reference = await ground.serveAboveBusybox({
    layers: [{ entries: [entries[3]!] }, { entries: entries.filter((_, i) => i !== 3) }],
  });
  const outcome = await attempt(() =>
    ground.engine.run(reference, ['sh', '-c', 'cat /proc/self/marker; cat /proc/self/comm']),
  );
  t.true(outcome === 'refused' || !outcome.includes('fake'), outcome);
});

test.serial('nothing may be mounted over /proc or below it', async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const reference = await ground.serveAboveBusybox({
    layers: [{ entries: [{ path: 'to-proc', target: '/proc' }] }],
  });
  for (const target of [
    '/proc',
    '/proc/',
    '/proc/../proc',
    '/to-proc',
    '/to-proc/sys',
    '/proc/self',
    '/proc/1/attr',
  ]) {
    const mounts = [{ type: 'bind', source: ground.canary.path, target } as const];
    t.is(await attempt(() => ground.engine.run(reference, ['true'], { mounts })), 'refused', target);
  }
  t.deepEqual(await ground.damage(), []);
});

test.serial("a /dev of the attacker's own does not decide what masks a path", async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const devices = makeFastFolder('devices');
  t.teardown(() => rm(devices, { recursive: true }));
  await symlink('/proc/sys/kernel/core_pattern', join(devices, 'null'));
  await symlink('/proc/sys/kernel/core_pattern', join(devices, 'console'));
  await writeFile(join(devices, 'zero'), '');
  const reference = await ground.serveAboveBusybox({ layers: [] });
  const script =
    'head -c 64 /proc/kcore 2>/dev/null | wc -c; echo x >/proc/sys/kernel/core_pattern && echo written; true';
  const outcome = await attempt(() =>
    ground.engine.run(reference, ['sh', '-c', script], {
      mounts: [{ type: 'bind', source: devices, target: '/dev' }],
    }),
  );
  t.true(outcome === 'refused' || (outcome.startsWith('0') && !outcome.includes('written')), outcome);
  t.deepEqual((await readdir(devices)).sort(), ['console', 'null', 'zero']);
});

test.serial('a path to mask that is a link to elsewhere masks nothing of the host', async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const entries = [
    { path: 'link', target: join(ground.canary.path, 'secret') },
    { path: 'folder', target: ground.canary.path },
  ];
  const reference = await ground.serveAboveBusybox({ layers: [{ entries }] });
  const security = { maskedPaths: ['/link', '/folder', '/proc/kcore'], readonlyPaths: ['/folder'] };
  await attempt(() => ground.engine.run(reference, list, { security }));
  t.deepEqual(await ground.damage(), []);
});

test.serial('a hidden path that is a link hides nothing of the host', async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const reference = await ground.serveAboveBusybox({
    layers: [{ entries: [{ path: 'link', target: ground.canary.path }] }],
  });
  await attempt(() => ground.engine.run(reference, list, { hide: ['/link', '/link/secret'] }));
  t.deepEqual(await ground.damage(), []);
});

test.serial("a volume of the image's own wish is not filled from the host", async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const reference = await ground.serveAboveBusybox({
    layers: [{ entries: [{ path: 'volume', target: ground.canary.path }] }],
    process: { Volumes: { '/volume': {}, '/../../../../etc': {} } },
  });
  const outcome = await attempt(() =>
    ground.engine.run(reference, ['sh', '-c', 'cat /volume/secret 2>/dev/null; true']),
  );
  t.false(outcome.includes('untouched'), outcome);
  t.deepEqual(await ground.damage(), []);
});

/** What it printed, or "refused". */
async function attempt(run: () => Promise<{ stdout: string }>): Promise<string> {
  return run().then(
    ({ stdout }) => stdout,
    () => 'refused',
  );
}
