import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
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

const volume = (target: string, name?: string) => ({
  type: 'volume' as const,
  target,
  ...(name && { name }),
});

test.serial(
  'a container has the volumes and binds of another where that has them, read-only if asked',
  async (t) => {
    const { engine, image, directory } = t.context;
    await engine.run(image, ['true']); // what a program keeps from its first run on
    await using _ = await watchLeaks(t, engine);
    const source = join(directory, 'bound');
    mkdirSync(source);
    const mounts = [volume('/n', 'named'), volume('/a'), { type: 'bind' as const, source, target: '/b' }];
    const maker = await engine.containers.create(image, {
      name: 'maker',
      argv: ['sh', '-c', 'for at in n a b; do echo $at > /$at/x; done'],
      mounts,
    });
    await maker.start();
    await maker.wait();
    const read = ['sh', '-c', 'cat /n/x /a/x /b/x; touch /n/y /a/y /b/y && echo wrote'];
    const written = await engine.run(image, read, { volumesFrom: [{ container: 'maker' }] });
    t.is(written.stdout, 'n\na\nb\nwrote\n');
    const kept = await engine.run(image, read, { volumesFrom: [{ container: 'maker', readOnly: true }] });
    t.is(kept.stdout, 'n\na\nb\n');
    t.regex(kept.stderr, /Read-only file system/);
    t.is((await engine.volumes.list()).length, 2); // no run has taken the anonymous one with it
    await maker.remove({ volumes: true });
    await engine.volumes.remove('named');
    t.deepEqual(await t.context.leftovers(), []);
  },
);

test.serial('what is mounted itself comes first, then who is named last', async (t) => {
  const { engine, image } = t.context;
  const make = (name: string) =>
    engine.containers.create(image, {
      name,
      argv: ['true'],
      mounts: [volume('/v', name), volume('/w', name)],
    });
  const makers = [await make('first'), await make('second')];
  const container = await engine.containers.create(image, {
    argv: ['true'],
    mounts: [volume('/w', 'own')],
    volumesFrom: [{ container: 'first' }, { container: 'second' }],
  });
  const { mounts } = await container.inspect();
  t.deepEqual(mounts.map(({ target, name }) => [target, name]).sort(), [
    ['/v', 'second'],
    ['/w', 'own'],
  ]);
  for (const one of [container, ...makers]) await one.remove();
  await engine.volumes.prune({ all: true });
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('an anonymous volume outlives its maker as long as another container has it', async (t) => {
  const { engine, image } = t.context;
  const maker = await engine.containers.create(image, {
    name: 'maker',
    argv: ['true'],
    mounts: [volume('/v')],
  });
  const heir = await engine.containers.create(image, {
    argv: ['true'],
    volumesFrom: [{ container: 'maker' }],
  });
  await maker.remove({ volumes: true });
  t.like(await engine.volumes.list(), [{ anonymous: true, containers: [{ id: heir.id }] }]);
  await heir.remove({ volumes: true });
  t.is((await engine.volumes.prune()).removed.length, 1);
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('a container that is not there, or whose volumes go with it, is refused', async (t) => {
  const { engine, image } = t.context;
  const from = (container: string) =>
    engine.containers.create(image, { argv: ['true'], volumesFrom: [{ container }] });
  await t.throwsAsync(from('nobody'), { code: 'ERR_CONTAINER_NOT_FOUND' });
  const brief = await engine.containers.create(image, {
    name: 'brief',
    argv: ['true'],
    autoRemove: true,
    mounts: [volume('/v')],
  });
  await t.throwsAsync(from('brief'), { code: 'ERR_CONTAINER_OPTION_INVALID', message: /\/v goes with it/ });
  await brief.remove();
  t.deepEqual(await t.context.leftovers(), []);
});
