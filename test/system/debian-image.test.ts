import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { probeErofs } from '../../bindings/probe.ts';
import type { Engine } from '../../lib/engine/index.ts';
import type { LayerRef } from '../../lib/mount/index.ts';
import { makeFastFolder } from '../fixtures/cache.ts';
import { debianImage } from '../fixtures/debian-image.ts';
import { openTestEngine } from '../fixtures/engine.ts';
import { inMount } from '../fixtures/in-mount.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { mustRun } from '../fixtures/run-program.ts';

let registry: Registry;
let engine: Engine;
let reference: string;

test.before(async () => {
  registry = await startRegistry();
  engine = await openTestEngine();
  reference = await registry.push(await debianImage(), 'debian:12');
  await engine.images.pull(reference);
  await engine.run(reference, ['true']); // what an engine opens once and keeps
});

test.after.always(async () => {
  await engine?.[Symbol.asyncDispose]();
  await registry?.stop();
});

test.serial('a pulled Debian image is on disk what umoci makes of it', (t) => isUmocis(t, engine));

const erofsTest = probeErofs('/var/tmp') === '' ? test.serial : test.serial.skip;

erofsTest('a pulled Debian image in EROFS layers is what umoci makes of it', async (t) => {
  await using erofs = await openTestEngine({ layers: 'erofs' });
  await erofs.images.pull(reference);
  await isUmocis(t, erofs);
});

erofsTest('containers run on EROFS layers and leave no mount', async (t) => {
  await using erofs = await openTestEngine({ layers: 'erofs' });
  await erofs.images.pull(reference);
  await erofs.run(reference, ['true']);
  await using _ = await watchLeaks(t, erofs);
  const script =
    'python3 -c "import ssl, json"; id -un; grep -c erofs /proc/mounts; echo x >/etc/new; rm -r /usr/share/doc; cat /etc/new';
  const { stdout } = await erofs.run(reference, ['sh', '-c', script], { user: 'root' });
  t.is(stdout, 'root\n0\nx\n');
  t.is((await erofs.run(reference, ['test', '-d', '/usr/share/doc'])).exitCode, 0);
});

async function isUmocis(t: ExecutionContext, engine: Engine): Promise<void> {
  const ours = await treeOf(await lowerLayers(engine));
  const theirs = await treeByUmoci();
  t.true(ours.size > 15_000, `only ${ours.size} files`);
  t.deepEqual(
    [...ours.keys()].filter((path) => !theirs.has(path)),
    [],
    'only in ours',
  );
  t.deepEqual(
    [...theirs.keys()].filter((path) => !ours.has(path)),
    [],
    'only in theirs',
  );
  const different = [...ours].filter(([path, line]) => line !== theirs.get(path));
  t.deepEqual(
    different.slice(0, 10).map(([path, line]) => ({ ours: line, theirs: theirs.get(path) })),
    [],
  );
}

test.serial(
  'what a lower layer has and a higher one removed is gone, and an opaque directory hides all below',
  async (t) => {
    await using _ = await watchLeaks(t, engine);
    const script =
      'ls /usr/share/bash-completion; for f in /etc/motd /usr/bin/perlbug /usr/share/doc/git; do test -e $f && echo $f; done';
    const { stdout } = await engine.run(reference, ['sh', '-c', script]);
    t.is(stdout, 'only\n');
  },
);

test.serial('python3 of the image runs in its container', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const program =
    'import json, sys, ssl, sqlite3; print(json.dumps([sys.version_info[0], sum(range(10)), sys.argv[1]]))';
  const result = await engine.run(reference, ['python3', '-c', program, 'word']);
  t.is(result.stderr, '');
  t.deepEqual(JSON.parse(result.stdout), [3, 45, 'word']);
  t.is(result.exitCode, 0);
});

test.serial('gcc of the image compiles and what it made runs, with its exit code passed on', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const source = '#include <stdio.h>\nint main(void) { puts("compiled"); return 42; }\n';
  const script = 'cat >/tmp/a.c && gcc -O2 -Wall -o /tmp/a /tmp/a.c && /tmp/a';
  const result = await engine.run(reference, ['sh', '-c', script], { input: source });
  t.is(result.stderr, '');
  t.is(result.stdout, 'compiled\n');
  t.is(result.exitCode, 42);
});

test.serial(
  'a program with file capabilities and a set-user-id program have their rights in the container',
  async (t) => {
    await using _ = await watchLeaks(t, engine);
    const script =
      'getcap /srv/odd/capable; su -s /bin/sh nobody -c "/srv/odd/set-user-id -u; grep CapEff /proc/self/status"';
    const { stdout, stderr } = await engine.run(reference, ['sh', '-c', script]);
    t.is(stderr, '');
    const [capabilities, effectiveUser, bare] = stdout.trim().split('\n');
    t.is(capabilities, '/srv/odd/capable cap_net_bind_service,cap_net_raw=ep');
    t.is(effectiveUser, '0');
    t.is(bare, 'CapEff:\t0000000000000000');
  },
);

test.serial('without new privileges a set-user-id program gives none', async (t) => {
  await using _ = await watchLeaks(t, engine);
  const argv = ['/srv/odd/set-user-id', '-u'];
  const show = async (noNewPrivileges: boolean): Promise<string> =>
    (await engine.run(reference, argv, { user: 'nobody', security: { noNewPrivileges } })).stdout;
  t.is(await show(false), '0\n');
  t.is(await show(true), '65534\n');
});

test.serial('what a container writes is its own', async (t) => {
  await using _ = await watchLeaks(t, engine);
  await engine.run(reference, ['sh', '-c', 'rm -rf /usr/lib; echo changed >/etc/passwd; touch /new']);
  const { stdout } = await engine.run(reference, [
    'sh',
    '-c',
    'head -n1 /etc/passwd; test -e /new || echo fresh',
  ]);
  t.is(stdout, 'root:x:0:0:root:/root:/bin/bash\nfresh\n');
});

/** The layers, top first, as the monitor of a container of the image is told them. */
async function lowerLayers(engine: Engine): Promise<LayerRef[]> {
  const container = await engine.containers.create(reference, { argv: ['sleep', '1000'] });
  await using started = await container.start();
  const task = JSON.parse(await readFile(join(engine.runDir, 'containers', started.id, 'task.json'), 'utf8'));
  return task.rootfs.lower;
}

async function treeOf(lower: readonly LayerRef[]): Promise<Map<string, string>> {
  return linesByPath(inMount({ type: 'overlay', lower }, `python3 '${walker}' .`));
}

async function treeByUmoci(): Promise<Map<string, string>> {
  const folder = makeFastFolder('umoci');
  try {
    const image = await debianImage();
    await mustRun('umoci', ['unpack', '--image', `${image.folder}:${image.tag}`, join(folder, 'bundle')]);
    return linesByPath(await mustRun('python3', [walker, join(folder, 'bundle/rootfs')]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const walker = join(import.meta.dirname, '../fixtures/walk-tree.py');

function linesByPath(output: string): Map<string, string> {
  const lines = output.trim().split('\n');
  return new Map(lines.map((line) => [JSON.parse(line).path as string, line]));
}
