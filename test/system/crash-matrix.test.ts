import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { assertDone, assertWholeStore } from '../fixtures/assert-store.ts';
import { openScenario, scenarios } from '../fixtures/store-scenario.ts';

/** So many instants of each change are tried; all of them with STRAKE_ALL_CRASHES=1. */
const samples = process.env.STRAKE_ALL_CRASHES === '1' ? Number.POSITIVE_INFINITY : 7;

for (const [verb, form] of scenarios) {
  test.serial(
    `${form}: a ${verb} that is killed at any of its changes leaves a whole store, and succeeds the next time`,
    async (t) => {
      t.timeout(600_000);
      await using folder = await openScenario(verb, form);
      const whole = await folder.fresh();
      const { count, code, stderr } = await folder.run(whole);
      t.is(code, 0, stderr);
      await assertDone(t, whole, folder.scenario, 'without a crash');
      for (const killAt of spread(count, samples)) {
        const root = await folder.fresh();
        const instant = `killed at ${killAt} of ${count}`;
        const killed = await folder.run(root, { killAt });
        if (killed.code === 0) continue; // threads: this time it was done in fewer calls
        t.is(killed.code, 137, `${instant}: ${killed.stderr}`);
        await assertWholeStore(t, root, instant);
        const again = await folder.run(root);
        t.is(again.code, 0, `${instant}: ${again.stderr}`);
        await assertDone(t, root, folder.scenario, instant);
        t.deepEqual(leftovers(root), [], instant);
      }
    },
  );
}

/** From 1 to `count`, evenly, with the first and the last. */
function spread(count: number, samples: number): number[] {
  if (count <= samples) return Array.from({ length: count }, (_, at) => at + 1);
  return Array.from({ length: samples }, (_, at) => 1 + Math.round((at * (count - 1)) / (samples - 1)));
}

/** What is neither whole nor in use. */
function leftovers(root: string): string[] {
  const folders = [
    'leases',
    'content/ingest',
    'content/removed',
    'content/partial',
    'layers/ingest',
    'layers/removed',
  ];
  return folders.flatMap((folder) => {
    try {
      return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
    } catch {
      return [];
    }
  });
}
