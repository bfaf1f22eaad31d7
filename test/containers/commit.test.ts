import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { type Container, type Engine, type Image, openEngine } from '../../lib/engine/index.ts';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { openTestEngine } from '../fixtures/engine.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { startRegistry } from '../fixtures/registry.ts';

const test = anyTest as TestFn<{ engine: Engine; image: string }>;

test.before(async (t) => {
  await using registry = await startRegistry();
  const engine = await openTestEngine();
  const image = await registry.push(await busyboxImage(), 'busybox:latest');
  await engine.images.pull(image);
  await engine.run(image, ['true']);
  t.context = { engine, image };
});
test.after.always((t) => t.context.engine[Symbol.asyncDispose]());

test.serial('a container that has done nothing has changed nothing', async (t) => {
  await using container = await ran(t, 'true');
  t.deepEqual(await container.changes(), []);
});

test.serial('changes are what was added, changed and removed', async (t) => {
  await using container = await ran(
    t,
    'mkdir -p /new/sub; echo x > /new/sub/file; rm /etc/passwd; echo more >> /etc/group; mv /home /moved; rm -r /media; mkdir /media',
  );
  const changes = (await container.changes()).map(({ kind, path }) => `${kind} ${path}`);
  for (const change of [
    'changed /etc',
    'changed /etc/group',
    'removed /etc/passwd',
    'removed /home',
    'added /moved',
    'added /new',
    'added /new/sub',
    'added /new/sub/file',
  ])
    t.true(changes.includes(change), `${change} of ${changes.join(', ')}`);
  t.false(changes.some((change) => change.includes('/proc') || change.includes('/etc/hosts')));
});

test.serial('a committed image holds what the container saw, and how it was run', async (t) => {
  const { engine } = t.context;
  await using container = await ran(
    t,
    'mkdir /data; echo kept > /data/file; chmod 4711 /data/file; ln /data/file /data/link; rm -r /etc/passwd; mkfifo /data/fifo',
    { env: { ADDED: 'yes' }, labels: { own: '1' }, cwd: '/tmp' },
  );
  const image = await container.commit({
    reference: 'made/here:1',
    author: 'somebody',
    message: 'a test',
    changes: ['CMD ["cat", "/data/file"]', 'ENV MORE=$ADDED'],
  });
  t.is(image.reference, 'docker.io/made/here:1');
  t.is(image.config.author, 'somebody');
  t.like(image.config.process.labels, { own: '1' });
  t.is(image.config.process.workingDir, '/tmp');
  const last = image.config.history.at(-1);
  t.like(last, { comment: 'a test', author: 'somebody', emptyLayer: false });
  t.true(last?.createdBy?.startsWith('sh -c mkdir /data;'));
  t.is((await engine.run('made/here:1')).stdout, 'kept\n');
  const seen = await engine.run('made/here:1', [
    'sh',
    '-c',
    'echo $ADDED $MORE; stat -c "%a %h" /data/file; test -e /etc/passwd || echo gone; test -p /data/fifo && echo fifo',
  ]);
  t.is(seen.stdout, 'yes yes\n4711 2\ngone\nfifo\n', seen.stderr);
  await engine.images.remove('made/here:1');
});

test.serial('a container that changed nothing gives an image without a further layer', async (t) => {
  const { engine, image } = t.context;
  await using container = await ran(t, 'true');
  const made = await container.commit({ reference: 'same:1' });
  t.is(made.layers.length, (await engine.images.inspect(image)).layers.length);
  t.true(made.config.history.at(-1)?.emptyLayer);
  await engine.images.remove('same:1');
});

test.serial('with SOURCE_DATE_EPOCH the same changes make the same image', async (t) => {
  const { engine } = t.context;
  const ids = [];
  for (const _ of [1, 2]) {
    await using container = await ran(t, 'mkdir /b /a; echo x > /a/file; rm /etc/group');
    ids.push((await container.commit({ sourceDateEpoch: 1_000_000_000 })).id);
  }
  t.is(ids[0], ids[1]);
  const made = await engine.images.inspect(ids[0]!);
  t.is(made.config.created, '2001-09-09T01:46:40.000Z');
  await engine.images.remove(ids[0]!);
});

test.serial('an image that takes the name of another leaves that one without a name', async (t) => {
  const { engine } = t.context;
  const made: Image[] = [];
  for (const word of ['one', 'two']) {
    await using container = await ran(t, `echo ${word} > /word`);
    made.push(await container.commit({ reference: 'word:latest' }));
  }
  t.is((await engine.run('word', ['cat', '/word'])).stdout, 'two\n');
  t.is((await engine.run(made[0]!.id, ['cat', '/word'])).stdout, 'one\n');
  const before = (await engine.images.list()).find(({ id }) => id === made[0]!.id);
  t.deepEqual(before?.references, []);
  for (const { id } of made) await engine.images.remove(id);
});

test.serial('a running container stands still while it is committed, and runs on', async (t) => {
  const { engine, image } = t.context;
  await using _ = await watchLeaks(t, engine);
  const container = await engine.containers.create(image, {
    argv: ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.01; done'],
  });
  await using started = await container.start();
  await engine.containers.exec(started.id, ['true']);
  const made = await started.commit({ reference: 'counting:1' });
  t.is((await started.inspect()).state.status, 'running');
  t.regex((await engine.run('counting:1', ['cat', '/count'])).stdout, /^\d*\n$/);
  const unpaused = await started.commit({ pause: false });
  t.is((await started.inspect()).state.status, 'running');
  await started.pause();
  const paused = await started.commit();
  t.is((await started.inspect()).state.status, 'paused', 'it was so before');
  for (const { id } of [made, unpaused, paused]) await engine.images.remove(id).catch(() => undefined);
});

test.serial('a container whose committer was killed while it stood still runs on', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, { argv: ['sleep', '100'] });
  await using started = await container.start();
  await started.pause();
  const mark = join(engine.runDir, 'containers', started.id, 'paused');
  t.is(readFileSync(mark, 'utf8'), '', 'paused by somebody, it stays so');
  writeFileSync(mark, JSON.stringify({ pid: process.pid, startTime: 'of another process' }));
  t.is((await started.inspect()).state.status, 'running');
  t.false(existsSync(mark));
  t.is((await started.run(['echo', 'alive'])).stdout, 'alive\n');
});

test.serial('a container whose image was removed by force can still be committed', async (t) => {
  const { engine } = t.context;
  await using container = await ran(t, 'echo 1 > /one');
  await container.commit({ reference: 'base:1' });
  const above = await engine.containers.create('base:1', { argv: ['sh', '-c', 'echo 2 > /two'] });
  await above.start();
  await above.wait();
  await engine.images.remove('base:1', { force: true });
  await engine.images.sweep();
  const made = await above.commit({ reference: 'above:1' });
  t.is((await engine.run('above:1', ['cat', '/one', '/two'])).stdout, '1\n2\n');
  t.is(made.config.history.length, made.layers.length);
  await above.remove();
  await engine.images.remove('above:1');
});

test.serial(
  'an image that is removed while containers of it are made is there for them, or was never used',
  async (t) => {
    const { engine } = t.context;
    for (let round = 0; round < 10; round++) {
      await using container = await ran(t, 'echo 1 > /one');
      await container.commit({ reference: 'racing:1' });
      const [ranIt, removed] = await Promise.allSettled([
        engine.run('racing:1', ['cat', '/one'], { pull: 'never' }),
        engine.images.remove('racing:1', { force: true }),
      ]);
      t.is(removed.status, 'fulfilled');
      if (ranIt.status === 'fulfilled') t.is(ranIt.value.stdout, '1\n');
      else t.regex(String(ranIt.reason.code), /^ERR_(IMAGE|LAYER|BLOB)_NOT_FOUND$/);
    }
    await engine.images.sweep();
    t.deepEqual((await engine.images.scrub()).problems, []);
  },
);

test.serial('a container of a directory has changes, and cannot be committed', async (t) => {
  const { engine } = t.context;
  const container = await engine.containers.create('@host', { argv: ['touch', '/srv/strake-test-file'] });
  await container.start();
  await container.wait();
  t.true((await container.changes()).some(({ path }) => path === '/srv/strake-test-file'));
  await t.throwsAsync(container.commit(), { code: 'ERR_CONTAINER_STATE', message: /export/ });
  await container.remove();
});

for (const folder of ['/dev/shm', '/var/tmp']) {
  test.serial(
    `a committed image of a store in ${folder} can be pushed, pulled, saved and loaded`,
    async (t) => {
      await using registry = await startRegistry();
      const base = await registry.push(await busyboxImage(), 'busybox:latest');
      const directory = mkdtempSync(join(folder, 'strake-commit-'));
      t.teardown(() => rmSync(directory, { recursive: true, force: true }));
      await using first = await openEngine({ root: join(directory, 'first') });
      await using second = await openEngine({ root: join(directory, 'second') });
      const container = await first.containers.create(base, { argv: ['sh', '-c', 'echo kept > /kept'] });
      await container.start();
      await container.wait();
      const name = `${registry.address}/made:1`;
      const made = await container.commit({ reference: name });
      await first.images.push(name);
      await second.images.pull(name);
      t.is((await second.run(name, ['cat', '/kept'])).stdout, 'kept\n');
      await second.system.prune({ all: true });
      const archive = join(directory, 'archive.tar');
      await pipeline(first.images.save([name]), createWriteStream(archive));
      await second.images.load(archive);
      t.is((await second.run(name, ['cat', '/kept'])).stdout, 'kept\n');
      t.is((await second.images.inspect(name)).config.diffIds.at(-1), made.config.diffIds.at(-1));
      t.deepEqual((await first.images.scrub()).problems, []);
      t.is((await first.images.scrub()).unverified, 0);
    },
  );
}

test.serial('what cannot be is refused before anything is made', async (t) => {
  const { engine } = t.context;
  await using container = await ran(t, 'true');
  const before = (await engine.images.list()).length;
  await t.throwsAsync(container.commit({ reference: 'No:1' }), { code: 'ERR_REFERENCE_INVALID' });
  await t.throwsAsync(container.commit({ changes: ['FROM x'] }), { code: 'ERR_IMAGE_CHANGE_INVALID' });
  await t.throwsAsync(container.commit({ signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' });
  t.is((await engine.images.list()).length, before);
});

async function ran(
  t: ExecutionContext<{ engine: Engine; image: string }>,
  script: string,
  options: Parameters<Engine['containers']['create']>[1] = {},
): Promise<Container & AsyncDisposable> {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, { ...options, argv: ['sh', '-c', script] });
  await container.start();
  t.is((await container.wait()).exitCode, 0);
  return { ...container, [Symbol.asyncDispose]: () => container.remove({ force: true, volumes: true }) };
}
