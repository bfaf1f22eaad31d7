import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openEngine } from '../../lib/engine/index.ts';
import { assertDone, assertWholeStore } from '../fixtures/assert-store.ts';
import { makeFastFolder } from '../fixtures/cache.ts';
import { DiskHistory, type Effect } from '../fixtures/power-loss.ts';
import { readLog, runRecorded } from '../fixtures/recorded-run.ts';
import { openScenario, scenarios } from '../fixtures/store-scenario.ts';

/** So many states of the disk are tried of each change; all of them with STRAKE_ALL_CRASHES=1. */
const samples = process.env.STRAKE_ALL_CRASHES === '1' ? Number.POSITIVE_INFINITY : 10;

/** What of the effects that are not safe reaches the disk. */
const fates: Readonly<Record<string, (seed: number) => (effect: Effect, index: number) => boolean>> = {
  'only what is safe': () => () => false,
  'all of it': () => () => true,
  'names without contents': () => (effect) => effect.kind !== 'data',
  'contents without names': () => (effect) => effect.kind === 'data',
  'names up to an instant, and some contents': (seed) => (effect, index) =>
    effect.kind === 'data' ? random(seed + index) < 0.5 : index < seed,
};

test.serial('the disk model loses what is not synced, and nothing else', async (t) => {
  const folder = makeFastFolder('power-loss');
  const root = join(folder, 'root');
  mkdirSync(root);
  const script =
    'cd "$0"; echo old > kept; sync kept .; echo new > temp; mv temp kept; echo safe > file; sync file .; echo lost > late';
  const { code } = await runRecorded(root, ['sh', '-ec', script, root], { log: join(folder, 'log') });
  t.is(code, 0);
  // The run began with an empty directory.
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const calls = (await readLog(join(folder, 'log'))).map((call) =>
    JSON.parse(JSON.stringify(call).replaceAll(root, empty)),
  );
  const history = new DiskHistory(empty, calls);
  const contents = (keeps: (effect: Effect) => boolean) => {
    const state = join(folder, 'state');
    rmSync(state, { recursive: true, force: true });
    history.write(state, history.length, keeps);
    return ['kept', 'file', 'late', 'temp'].map((name) =>
      existsSync(join(state, name)) ? readFileSync(join(state, name), 'utf8') : null,
    );
  };
  t.deepEqual(
    contents(() => true),
    ['new\n', 'safe\n', 'lost\n', null],
  );
  t.deepEqual(
    contents(() => false),
    ['', 'safe\n', null, null],
    'renamed without a sync of the file',
  );
  rmSync(folder, { recursive: true });
});

test.serial('a store that would not sync its documents is found broken: the states tell', async (t) => {
  await using folder = await openScenario('load', 'directory');
  const [root, before, log] = [await folder.fresh(), await folder.fresh(), folder.empty()];
  await folder.run(root, { log });
  const calls = (await readLog(log))
    .filter(({ op, path }) => !(op === 'fsync' && path.includes('/content/')))
    .map((call) => JSON.parse(JSON.stringify(call).replaceAll(root, before)));
  const history = new DiskHistory(before, calls);
  const state = folder.empty();
  history.write(state, history.length, (effect) => effect.kind === 'name');
  await using engine = await openEngine({ root: state });
  t.true((await engine.images.scrub()).problems.some(({ kind }) => kind === 'blob'));
});

for (const [verb, form] of scenarios) {
  test.serial(
    `${form}: a ${verb} that a power loss ends leaves images that are whole or absent, and succeeds afterwards`,
    async (t) => {
      t.timeout(1_200_000);
      await using folder = await openScenario(verb, form);
      const root = await folder.fresh();
      const before = await folder.fresh();
      const log = folder.empty();
      const { code, stderr } = await folder.run(root, { log });
      t.is(code, 0, stderr);
      const calls = (await readLog(log)).map((call) =>
        JSON.parse(JSON.stringify(call).replaceAll(root, before)),
      );
      const history = new DiskHistory(before, calls);
      const states = Object.entries(fates).flatMap(([fate, keep]) =>
        Array.from({ length: history.length + 1 }, (_, at) => ({ fate, keep, at })),
      );
      for (const { fate, keep, at } of sample(states, samples)) {
        const instant = `power lost at ${at} of ${history.length}, ${fate}`;
        const state = folder.empty();
        history.write(state, at, keep(at));
        await assertWholeStore(t, state, instant);
        const again = await folder.run(state);
        t.is(again.code, 0, `${instant}: ${again.stderr}`);
        await assertDone(t, state, folder.scenario, instant);
        rmSync(state, { recursive: true });
      }
    },
  );
}

/** The same ones each time, spread over all. */
function sample<T>(all: readonly T[], count: number): readonly T[] {
  if (all.length <= count) return all;
  return Array.from({ length: count }, (_, at) => all[Math.floor((at * all.length) / count)] as T);
}

/** From 0 to 1, by the seed alone. */
function random(seed: number): number {
  const mixed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d);
  return ((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 32;
}
