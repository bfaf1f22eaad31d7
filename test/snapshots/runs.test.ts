import test from 'ava';
import { sharedRun } from '../../lib/snapshots/runs.ts';

test('calls that wait during a run share the next one', async (t) => {
  const gates: (() => void)[] = [];
  const run = sharedRun(() => new Promise((resolve) => gates.push(resolve)));
  const first = run();
  await settled();
  const rest = [run(), run(), run()];
  await settled();
  t.is(gates.length, 1);
  gates[0]?.();
  await first;
  await settled();
  t.is(gates.length, 2);
  gates[1]?.();
  await Promise.all(rest);
  t.is(gates.length, 2);
});

test('a run that fails fails those who shared it and not those who ask afterwards', async (t) => {
  let failing = true;
  const run = sharedRun(async () => {
    if (failing) throw new Error('disk');
  });
  const both = await Promise.allSettled([run(), run()]);
  t.deepEqual(
    both.map((result) => result.status),
    ['rejected', 'rejected'],
  );
  failing = false;
  await t.notThrowsAsync(run());
});

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
