import { resolve } from 'node:path';
import test from 'ava';
import { attacks, effective, unfilter } from './corpus/attacks.ts';
import { type AttackRange, openAttackRange } from './corpus/run-attack.ts';

/** The corpus of docs/security.md on strake-runtime; corpus/table.ts runs the same on others. */
const runtime =
  process.env.STRAKE_TEST_RUNTIME ?? resolve(import.meta.dirname, '../../build/Release/strake-runtime');

let range: AttackRange;

test.before(async () => {
  range = await openAttackRange();
});

test.after.always(async () => {
  await range?.[Symbol.asyncDispose]();
});

for (const attack of attacks) {
  test.serial(`${attack.name}${attack.classes === '' ? '' : ` (${attack.classes})`}: stopped`, async (t) => {
    const { outcome, said } = await range.attack(attack, runtime);
    t.is(outcome, 'stopped', said);
  });
}

for (const run of effective) {
  test.serial(`the attempt "${run}" succeeds where nothing is filtered: it can tell`, async (t) => {
    const onTerminal = attacks.some((attack) => attack.run === run && attack.onTerminal);
    const attack = { name: run, classes: '', run, change: unfilter, onTerminal };
    const { outcome, said } = await range.attack(attack, runtime);
    t.is(outcome, 'NOT stopped', said);
  });
}
