import { chmod, chown, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import type { Container, ContainerOptions } from '../../lib/containers/index.ts';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { type TarEntry, tarOf } from '../fixtures/tar.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<{ fixture: EngineFixture }>;

test.before(async (t) => {
  t.context.fixture = await openEngineFixture();
  const container = await prepared(t.context.fixture, { runs: true }); // what a program opens once and keeps
  await container.remove({ force: true });
});
test.after.always(async (t) => {
  await t.context.fixture?.[Symbol.asyncDispose]();
});

/** A container that has run `script`, and runs on (a start) or not. */
async function prepared(
  { engine, image }: EngineFixture,
  { runs, script = 'true', ...options }: ContainerOptions & { runs: boolean; script?: string },
): Promise<Container> {
  const tail = runs ? 'echo ready; sleep 60' : 'true';
  const container = await engine.containers.create(image, {
    argv: ['sh', '-c', `${script}; ${tail}`],
    ...options,
  });
  await container.start();
  if (!runs) {
    await container.wait();
    return container;
  }
  for await (const { text } of container.logs({ follow: true })) if (text.includes('ready')) break;
  return container;
}

async function bytesOf(tar: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of tar) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** tar -tv's lines: mode, owner and name. */
async function listed(tar: AsyncIterable<Uint8Array>): Promise<string[]> {
  const stdout = await mustRun('tar', ['-tv', '--numeric-owner'], { input: await bytesOf(tar) });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/^(\S+) (\S+) .* \d\d:\d\d (.*)$/, '$1 $2 $3'));
}

async function contentOf(container: Container, path: string): Promise<string> {
  return await mustRun('tar', ['-xO'], { input: await bytesOf(container.copyOut(path)) });
}

async function* once(...entries: TarEntry[]): AsyncGenerator<Uint8Array> {
  yield tarOf(entries);
}

for (const runs of [true, false]) {
  const state = runs ? 'running' : 'stopped';

  test.serial(`what a ${state} container has written comes out as a tar, and goes in again`, async (t) => {
    const { fixture } = t.context;
    await using _ = await watchLeaks(t, fixture.engine);
    const script = 'echo hello >/tmp/a; touch /tmp/b; ls /tmp';
    const container = await prepared(fixture, { runs, script });
    try {
      t.deepEqual(await listed(container.copyOut('/tmp')), [
        'drwxr-xr-x 0/0 tmp/',
        '-rw-r--r-- 0/0 tmp/a',
        '-rw-r--r-- 0/0 tmp/b',
      ]);
      t.is((await listed(container.copyOut('/tmp/.')))[1], '-rw-r--r-- 0/0 ./a');
      const file = { path: 'in/file', content: 'copied', mode: 0o640, uid: 12, gid: 34 };
      await container.copyIn('/tmp', once({ path: 'in/', mode: 0o700, uid: 5, gid: 6 }, file));
      t.is(await contentOf(container, '/tmp/in/file'), 'copied');
      t.deepEqual(await listed(container.copyOut('tmp/in', { name: 'other' })), [
        'drwx------ 5/6 other/',
        '-rw-r----- 12/34 other/file',
      ]);
      if (runs) t.is((await container.run(['cat', '/tmp/in/file'])).stdout, 'copied');
      const info = await container.statPath('/tmp/in/file');
      t.like(info, { name: 'file', type: 'file', mode: 0o640, size: 6, uid: 12, gid: 34, linkTarget: null });
    } finally {
      await container.remove({ force: true });
    }
  });

  test.serial(`volumes and binds of a ${state} container are seen as it sees them`, async (t) => {
    const { fixture } = t.context;
    await using _ = await watchLeaks(t, fixture.engine);
    const folder = join(fixture.directory, `bound-${state}`);
    await mkdir(folder);
    await writeFile(join(folder, 'there'), 'here');
    const container = await prepared(fixture, {
      runs,
      script: 'echo kept >/data/file',
      mounts: [
        { type: 'volume', target: '/data' },
        { type: 'bind', source: folder, target: '/mnt/bound' },
        { type: 'bind', source: folder, target: '/mnt/sealed', readOnly: true },
      ],
    });
    try {
      t.is(await contentOf(container, '/data/file'), 'kept\n');
      t.is(await contentOf(container, '/mnt/bound/there'), 'here');
      await container.copyIn('/mnt/bound', once({ path: 'new', content: 'came' }));
      t.is(await readFile(join(folder, 'new'), 'utf8'), 'came');
      await t.throwsAsync(container.copyIn('/mnt/sealed', once({ path: 'no' })), {
        code: 'ERR_PERMISSION',
        message: 'mounted volume is marked read-only',
      });
      t.true((await listed(container.copyOut('/mnt'))).some((line) => line.endsWith('mnt/bound/there')));
    } finally {
      await container.remove({ force: true, volumes: true });
    }
  });

  test.serial(`a ${state} container whose root is read-only takes nothing`, async (t) => {
    const { fixture } = t.context;
    await using _ = await watchLeaks(t, fixture.engine);
    const container = await prepared(fixture, { runs, readOnly: true });
    await t.throwsAsync(container.copyIn('/tmp', once({ path: 'no' })), {
      code: 'ERR_PERMISSION',
      message: 'container rootfs is marked read-only',
    });
    await container.remove({ force: true });
  });

  test.serial(`what is not in a ${state} container is said in docker's words`, async (t) => {
    const { fixture } = t.context;
    await using _ = await watchLeaks(t, fixture.engine);
    const container = await prepared(fixture, { runs, name: `missing-${state}` });
    const missing = {
      code: 'ERR_PATH_NOT_FOUND',
      message: `Could not find the file /nowhere in container missing-${state}`,
    };
    await t.throwsAsync(container.statPath('/nowhere'), missing);
    await t.throwsAsync(bytesOf(container.copyOut('/nowhere')), missing);
    await t.throwsAsync(container.copyIn('/nowhere', once({ path: 'a' })), missing);
    await t.throwsAsync(container.copyIn('/bin/busybox', once({ path: 'a' })), {
      code: 'ERR_COPY_TARGET_INVALID',
      message: /not a directory/,
    });
    await container.remove({ force: true });
  });

  test.serial(`a tar that would leave its place in a ${state} container is refused`, async (t) => {
    const { fixture } = t.context;
    await using _ = await watchLeaks(t, fixture.engine);
    const folder = join(fixture.directory, `canary-${state}`);
    await mkdir(folder);
    const container = await prepared(fixture, { runs });
    const hostile: TarEntry[][] = [
      [{ path: '../../escape', content: 'x' }],
      [
        { path: 'link', target: folder },
        { path: 'link/escape', content: 'x' },
      ],
      [
        { path: 'link', target: '../../..' },
        { path: 'link/escape', content: 'x' },
      ],
    ];
    for (const entries of hostile)
      await t.throwsAsync(container.copyIn('/tmp', once(...entries)), { code: 'ERR_LAYER_UNSAFE' });
    await t.throwsAsync(
      container.copyIn('/', once({ path: 'out', target: folder }, { path: 'out/escape', content: 'x' })).then(
        // Absolute links are the container's own: nothing is there, so it is made there.
        async () =>
          await container.statPath(`${folder}/escape`).then(() => Promise.reject(new Error('inside'))),
      ),
    );
    await t.throwsAsync(lstat(join(folder, 'escape')), { code: 'ENOENT' });
    await container.copyIn('/tmp', once({ path: '/absolute', content: 'below' }));
    t.is(await contentOf(container, '/tmp/absolute'), 'below');
    await container.remove({ force: true });
  });
}

test.serial(
  'what only a running container has mounted comes out and goes in, and /proc does not',
  async (t) => {
    const { fixture } = t.context;
    await using _ = await watchLeaks(t, fixture.engine);
    const container = await prepared(fixture, {
      runs: true,
      script: 'echo fleeting >/scratch/file',
      mounts: [{ type: 'tmpfs', target: '/scratch' }],
    });
    t.is(await contentOf(container, '/scratch/file'), 'fleeting\n');
    await container.copyIn('/scratch', once({ path: 'new', content: 'there' }));
    t.is((await container.run(['cat', '/scratch/new'])).stdout, 'there');
    t.deepEqual(await listed(container.copyOut('/proc')), ['dr-xr-xr-x 0/0 proc/']);
    await container.remove({ force: true });
  },
);

test.serial('a link is copied as a link, and followed inside the container when asked', async (t) => {
  const { fixture } = t.context;
  await using _ = await watchLeaks(t, fixture.engine);
  const folder = join(fixture.directory, 'linked');
  await mkdir(folder);
  await symlink('/etc/hostname', join(folder, 'link'));
  const container = await prepared(fixture, {
    runs: true,
    hostname: 'inside',
    mounts: [{ type: 'bind', source: folder, target: '/mnt' }],
  });
  t.regex((await listed(container.copyOut('/mnt/link')))[0] ?? '', /^l.* link -> \/etc\/hostname$/);
  const followed = await bytesOf(container.copyOut('/mnt/link', { followLink: true }));
  t.is(await mustRun('tar', ['-xO', 'link'], { input: followed }), 'inside\n');
  t.like(await container.statPath('/mnt/link'), { type: 'symlink', linkTarget: '/etc/hostname' });
  t.like(await container.statPath('/mnt/link', { followLink: true }), { type: 'file', name: 'link' });
  await container.remove({ force: true });
});

test.serial('hard links, modes, times and extended attributes survive both ways', async (t) => {
  const { fixture } = t.context;
  await using _ = await watchLeaks(t, fixture.engine);
  const [from, to] = ['from', 'to'].map((name) => join(fixture.directory, name)) as [string, string];
  await mkdir(join(from, 'tree'), { recursive: true });
  await mkdir(to);
  await writeFile(join(from, 'tree/one'), 'content');
  await chown(join(from, 'tree/one'), 7, 8);
  await chmod(join(from, 'tree/one'), 0o4755);
  await mustRun('ln', [join(from, 'tree/one'), join(from, 'tree/two')]);
  await mustRun('mkfifo', [join(from, 'tree/pipe')]);
  const binds = [from, to].map((source, i) => ({
    type: 'bind' as const,
    source,
    target: `/${i ? 'to' : 'from'}`,
  }));
  const container = await prepared(fixture, { runs: true, mounts: binds });
  await container.copyIn('/to', container.copyOut('/from/tree'));
  const [one, two] = await Promise.all(
    ['one', 'two'].map((name) => stat(join(to, 'tree', name), { bigint: true })),
  );
  const original = await stat(join(from, 'tree/one'), { bigint: true });
  t.is(one?.ino, two?.ino);
  t.deepEqual([one?.mode, one?.uid, one?.mtimeNs], [original.mode, 7n, original.mtimeNs]);
  t.true((await lstat(join(to, 'tree/pipe'))).isFIFO());
  await container.remove({ force: true });
});

test.serial('a copy that is left early or aborted holds nothing', async (t) => {
  const { fixture } = t.context;
  await using _ = await watchLeaks(t, fixture.engine);
  const container = await prepared(fixture, { runs: false });
  for await (const piece of container.copyOut('/bin')) {
    t.true(piece.length > 0);
    break;
  }
  const signal = AbortSignal.abort();
  await t.throwsAsync(bytesOf(container.copyOut('/bin', { signal })), { code: 'ERR_ABORTED' });
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield tarOf([{ path: 'a', content: 'x' }]).subarray(0, 600);
    throw new Error('the source failed');
  }
  await t.throwsAsync(container.copyIn('/tmp', failing()));
  await container.remove();
});

test.serial("a directory takes no file's place unless that is allowed", async (t) => {
  const { fixture } = t.context;
  await using _ = await watchLeaks(t, fixture.engine);
  const container = await prepared(fixture, { runs: false, script: 'touch /tmp/file' });
  const options = { overwriteDirectories: false };
  await t.throwsAsync(container.copyIn('/tmp', once({ path: 'file/' }), options), {
    code: 'ERR_COPY_TARGET_INVALID',
    message: 'cannot overwrite non-directory "file" with directory',
  });
  await container.copyIn('/tmp', once({ path: 'file/' }));
  await t.throwsAsync(container.copyIn('/tmp', once({ path: 'file' }), options), {
    message: 'cannot overwrite directory "file" with non-directory',
  });
  t.like(await container.statPath('/tmp/file'), { type: 'directory' });
  await container.remove();
});

test.serial('a container with ids of its own gets and gives those that it sees', async (t) => {
  const { fixture } = t.context;
  await using _ = await watchLeaks(t, fixture.engine);
  const namespaces = { user: { hostId: 300_000, size: 65_536 } };
  const container = await prepared(fixture, { runs: true, namespaces });
  const entries = [{ path: 'ours', content: 'x', uid: 33, gid: 34, mode: 0o600 }];
  await container.copyIn('/tmp', once(...entries));
  t.is((await container.run(['ls', '-n', '/tmp/ours'])).stdout.split(/ +/).slice(2, 4).join(':'), '33:34');
  t.deepEqual(await listed(container.copyOut('/tmp/ours')), ['-rw------- 33/34 ours']);
  await container.stop({ timeout: 0 });
  t.deepEqual(await listed(container.copyOut('/tmp/ours')), ['-rw------- 33/34 ours']);
  await container.remove();
});

test.serial(
  "a stopped container's layers are seen as one, and what is hidden of this machine is not seen",
  async (t) => {
    const { fixture } = t.context;
    const { folder, tag } = await busyboxImage();
    await fixture.engine.images.copy(`oci:${folder}:${tag}`, 'busybox:1');
    await (await fixture.engine.containers.create('busybox:1', { argv: ['true'] })).remove();
    await using _ = await watchLeaks(t, fixture.engine);
    const layered = await fixture.engine.containers.create('busybox:1', { argv: ['true'] });
    t.like(await layered.statPath('/bin/busybox'), { type: 'file', uid: 0 });
    await layered.copyIn('/', once({ path: 'new/file', content: 'above' }));
    t.is(await contentOf(layered, '/new/file'), 'above');
    await layered.remove();
    const hidden = join(fixture.directory, 'busybox/etc');
    await writeFile(join(hidden, 'secret'), 'secret');
    const covered = await fixture.engine.containers.create(fixture.image, { argv: ['true'], hide: ['/etc'] });
    t.deepEqual(await listed(covered.copyOut('/etc')), ['drwxr-xr-x 0/0 etc/']);
    await t.throwsAsync(covered.statPath('/etc/secret'), { code: 'ERR_PATH_NOT_FOUND' });
    await covered.remove();
  },
);
