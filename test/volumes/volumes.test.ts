import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import anyTest, { type TestFn } from 'ava';
import { type EngineFixture, openEngineFixture } from '../containers/engine-fixture.ts';
import { watchLeaks } from '../fixtures/leaks.ts';

const test = anyTest as TestFn<EngineFixture>;

test.beforeEach(async (t) => {
  t.context = await openEngineFixture();
});
test.afterEach.always(async (t) => {
  await t.context[Symbol.asyncDispose]();
});

const at = (name: string, target = '/v') => ({ type: 'volume' as const, name, target });

/** All of ROOT/volumes, dead and half-made ones too. */
const entries = ({ engine }: EngineFixture) =>
  existsSync(join(engine.root, 'volumes')) ? readdirSync(join(engine.root, 'volumes')).sort() : [];

test.serial(
  'a volume has labels, a time and a directory, and a second create answers the first',
  async (t) => {
    const { volumes, root } = t.context.engine;
    const before = Date.now();
    const made = await volumes.create('data', { labels: { tier: 'db' } });
    t.like(made, {
      name: 'data',
      labels: { tier: 'db' },
      anonymous: false,
      mountpoint: `${root}/volumes/data/_data`,
      containers: [],
    });
    t.true(Math.abs(Date.parse(made.createdAt) - before) < 60_000);
    t.deepEqual(await volumes.create('data', { labels: { tier: 'other' } }), made);
    t.deepEqual(await volumes.inspect('data'), made);
    await volumes.remove('data');
    t.deepEqual(entries(t.context), []);
  },
);

test.serial('without a name a volume is anonymous', async (t) => {
  const { volumes } = t.context.engine;
  const { name, anonymous } = await volumes.create();
  t.regex(name, /^[0-9a-f]{64}$/);
  t.true(anonymous);
});

test.serial('names and labels that cannot be are refused, and name no path outside', async (t) => {
  const { volumes } = t.context.engine;
  for (const name of ['.', '..', 'a', '../x', 'a/b', '-x', '.new-1', 'x'.repeat(201), 'a\0b'])
    await t.throwsAsync(volumes.create(name), { code: 'ERR_VOLUME_NAME_INVALID' });
  for (const name of ['..', '../containers', '', '.removed-1']) {
    await t.throwsAsync(volumes.inspect(name), { code: 'ERR_VOLUME_NOT_FOUND' });
    await t.throwsAsync(volumes.remove(name), { code: 'ERR_VOLUME_NOT_FOUND' });
    await volumes.remove(name, { force: true });
  }
  await t.throwsAsync(volumes.create('data', { labels: { a: 1 } as never }), {
    code: 'ERR_INVALID_ARGUMENT',
  });
  await t.throwsAsync(volumes.create('data', { labels: { '': '' } }), { code: 'ERR_INVALID_ARGUMENT' });
  t.deepEqual(entries(t.context), []);
  t.true(existsSync(join(t.context.engine.root, 'containers')));
});

test.serial('a volume of a container, running or not, stays and its containers are named', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, {
    name: 'keeper',
    argv: ['sleep', '60'],
    mounts: [at('data')],
  });
  const refused = { code: 'ERR_VOLUME_IN_USE', message: /in use by keeper/ };
  await t.throwsAsync(engine.volumes.remove('data'), refused);
  await container.start();
  await t.throwsAsync(engine.volumes.remove('data', { force: true }), refused);
  t.deepEqual((await engine.volumes.prune({ all: true })).removed, []);
  t.deepEqual((await engine.volumes.inspect('data')).containers, [{ id: container.id, name: 'keeper' }]);
  await container.remove({ force: true });
  await engine.volumes.remove('data');
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('a prune takes anonymous volumes, or all, by label, and says what it freed', async (t) => {
  const { engine, image } = t.context;
  const { volumes } = engine;
  await engine.run(image, ['sh', '-c', 'echo hello > /v/file'], { mounts: [at('data')] });
  await volumes.create('other', { labels: { keep: 'yes' } });
  const container = await engine.containers.create(image, {
    argv: ['true'],
    mounts: [{ type: 'volume', target: '/v' }],
  });
  t.deepEqual((await volumes.prune()).removed, []);
  await container.remove();
  t.is((await volumes.prune()).removed.length, 1);
  t.deepEqual(entries(t.context), ['data', 'other']);
  const pruned = await volumes.prune({ all: true, filters: { notLabel: ['keep'] } });
  t.deepEqual(pruned.removed, ['data']);
  t.true(pruned.bytes >= 6, `${pruned.bytes}`);
  t.deepEqual((await volumes.prune({ all: true, filters: { label: ['keep=yes'] } })).removed, ['other']);
  t.deepEqual(entries(t.context), []);
});

test.serial('filters are name, label and dangling', async (t) => {
  const { engine, image } = t.context;
  const { volumes } = engine;
  await volumes.create('one', { labels: { a: '1' } });
  await volumes.create('two', { labels: { a: '2', b: '' } });
  const container = await engine.containers.create(image, { argv: ['true'], mounts: [at('two')] });
  const names = async (filters: object) => (await volumes.list({ filters })).map(({ name }) => name);
  t.deepEqual(await names({}), ['one', 'two']);
  t.deepEqual(await names({ name: ['ne', 'x'] }), ['one']);
  t.deepEqual(await names({ label: ['a'] }), ['one', 'two']);
  t.deepEqual(await names({ label: ['a=2', 'b'] }), ['two']);
  t.deepEqual(await names({ notLabel: ['a=2'] }), ['one']);
  t.deepEqual(await names({ dangling: true }), ['one']);
  t.deepEqual(await names({ dangling: false }), ['two']);
  await container.remove();
});

test.serial('a volume without a record, or with what a power loss left of one, works', async (t) => {
  const { engine, image } = t.context;
  const directory = join(engine.root, 'volumes/old');
  mkdirSync(join(directory, '_data'), { recursive: true });
  t.like(await engine.volumes.inspect('old'), { labels: {}, anonymous: false });
  await engine.run(image, ['touch', '/v/x'], { mounts: [at('old')] });
  writeFileSync(join(directory, 'volume.json'), '\0\0');
  t.like((await engine.volumes.list())[0], { name: 'old' });
  t.deepEqual(readdirSync(join(directory, '_data')), ['x']);
  writeFileSync(join(directory, 'volume.json'), '{"version":9}');
  await t.throwsAsync(engine.volumes.inspect('old'), { code: 'ERR_SYSTEM', message: /volume\.json/ });
});

test.serial('what processes that died left half-made or half-removed is swept', async (t) => {
  const { engine } = t.context;
  for (const name of ['.new-1', '.removed-1'])
    mkdirSync(join(engine.root, `volumes/${name}/_data/deep`), { recursive: true });
  await engine.volumes.create('data');
  t.deepEqual(
    (await engine.volumes.list()).map(({ name }) => name),
    ['data'],
  );
  await engine.volumes.remove('data');
  t.deepEqual(entries(t.context), []);
});

test.serial('of many creates at once one makes the volume, and of many removes one removes it', async (t) => {
  const { volumes } = t.context.engine;
  await using _ = await watchLeaks(t, t.context.engine);
  const labels = Array.from({ length: 12 }, (_, index) => ({ made: String(index) }));
  const made = await Promise.all(labels.map((own) => volumes.create('data', { labels: own })));
  t.is(new Set(made.map((info) => info.labels.made)).size, 1);
  const removed = await Promise.allSettled(labels.map(() => volumes.remove('data')));
  t.is(removed.filter(({ status }) => status === 'fulfilled').length, 1);
  t.deepEqual(entries(t.context), []);
});

test.serial('a container that is made while its volume is pruned finds it whole', async (t) => {
  const { engine, image } = t.context;
  await using _ = await watchLeaks(t, t.context.engine);
  let ends = false;
  const pruning = (async () => {
    while (!ends) await engine.volumes.prune({ all: true });
  })();
  try {
    for (let round = 0; round < 8; round++) {
      const script = 'echo x > /v/file && echo y > /w/file && cat /v/file /w/file';
      const mounts = [at('data'), { type: 'volume' as const, target: '/w' }];
      t.like(await engine.run(image, ['sh', '-c', script], { mounts }), { exitCode: 0, stdout: 'x\ny\n' });
    }
    const container = await engine.containers.create(image, { argv: ['true'], mounts: [at('data')] });
    t.true(existsSync(join(engine.root, 'volumes/data/_data')));
    await container.remove();
  } finally {
    ends = true;
    await pruning;
  }
  await engine.volumes.prune({ all: true });
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial(
  "an anonymous volume that another container has by its name is not its maker's to remove",
  async (t) => {
    const { engine, image } = t.context;
    const maker = await engine.containers.create(image, {
      argv: ['true'],
      mounts: [{ type: 'volume', target: '/v' }],
    });
    const [{ name = '' } = {}] = await engine.volumes.list();
    const other = await engine.containers.create(image, { argv: ['true'], mounts: [at(name)] });
    await maker.remove({ volumes: true });
    t.deepEqual(entries(t.context), [name]);
    await other.remove({ volumes: true });
    t.deepEqual(entries(t.context), [name]);
    t.deepEqual((await engine.volumes.prune()).removed, [name]);
  },
);

test.serial(
  'a program that is killed while it makes and removes volumes leaves none that is half',
  async (t) => {
    const { engine } = t.context;
    const program = `
    import { openEngine } from ${JSON.stringify(new URL('../../lib/engine/index.ts', import.meta.url).href)};
    const { volumes } = await openEngine({ root: ${JSON.stringify(engine.root)} });
    for (let n = 0; n < 10000; n++) { await volumes.create('v' + (n % 7)); await volumes.remove('v' + ((n + 3) % 7), { force: true }); }
  `;
    const run = promisify(execFile);
    for (const timeout of [900, 1100]) {
      const argv = ['--import', 'tsx', '--input-type=module', '-e', program];
      await t.throwsAsync(run(process.execPath, argv, { timeout, killSignal: 'SIGKILL' }));
      for (const info of await engine.volumes.list()) t.true(existsSync(info.mountpoint), info.name);
    }
    await engine.volumes.prune({ all: true });
    t.deepEqual(entries(t.context), []);
  },
);
