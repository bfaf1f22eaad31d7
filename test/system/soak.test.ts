import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { checkout } from '../fixtures/cache.ts';
import { manyTimes } from '../fixtures/concurrency.ts';
import { type Held, type Kept, lookAtKept } from '../fixtures/held.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { openStockedEngine } from '../fixtures/stocked-engine.ts';

/** So many containers are run: 10 000 with STRAKE_SOAK_RUNS=10000. */
const runs = Number(process.env.STRAKE_SOAK_RUNS ?? 2000);
const atOnce = 8;
/** Looks at what is held, evenly over the runs, after one when caches are warm. */
const looks = 40;
const program = fileURLToPath(new URL('../fixtures/soak-program.ts', import.meta.url));

/**
 * By how many bytes a run memory may grow. A leak goes on at one pace, while what is only getting warm (compiled code, malloc's
 * free lists) slows down, and what comes and goes does both: so it is judged by the pace of the second half, or that of
 * all, whichever is less.
 */
const mostPerRun = { heap: 400, malloc: 400, resident: 1000 };

test.serial(`${runs} containers, ${atOnce} at a time, leave nothing that grows`, async (t) => {
  t.timeout(3_600_000);
  const argv = ['--expose-gc', '--import=tsx', program, ...[runs, looks, atOnce].map(String)];
  const env = { ...process.env, MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' };
  const lines = (await mustRun(process.execPath, argv, { env, cwd: checkout })).trim().split('\n');
  const seen = lines.map((line) => JSON.parse(line) as Held & Kept);
  const [first] = seen;
  if (first === undefined || seen.length !== looks + 1) throw new TypeError(`${seen.length} looks`);
  for (const kind of Object.keys(first) as (keyof typeof first)[]) {
    const values = seen.map((held) => held[kind]);
    t.log(`${kind}: ${values.join(' ')}`);
    if (isMemory(kind)) assertPace(t, kind, values);
    else t.is(Math.min(...values.slice(-3)), first[kind], kind); // the least: chance only adds
  }
});

function isMemory(kind: string): kind is keyof typeof mostPerRun {
  return kind in mostPerRun;
}

function assertPace(t: ExecutionContext, kind: keyof typeof mostPerRun, values: readonly number[]): void {
  const each = runs / looks;
  const [ofAll, ofSecondHalf] = [pace(values, each), pace(values.slice(looks / 2), each)];
  const said = `${kind} grew by ${ofAll} bytes a run, in the second half by ${ofSecondHalf}`;
  t.log(said);
  t.true(Math.min(ofAll, ofSecondHalf) <= mostPerRun[kind], said);
}

/** The median of the slopes between any two values (Theil and Sen): single values that jump do not count. */
function pace(values: readonly number[], each: number): number {
  const slopes = values.flatMap((from, at) =>
    values.slice(at + 1).map((to, further) => (to - from) / ((further + 1) * each)),
  );
  return Math.round(slopes.sort((left, right) => left - right)[Math.floor(slopes.length / 2)] ?? 0);
}

test.serial('containers by the command line, several at a time, leave nothing', async (t) => {
  t.timeout(600_000);
  await using stock = await openStockedEngine();
  const { root } = stock.engine;
  const argv = [join(checkout, 'bin/strake'), '--root', root, 'run', '--rm', stock.busybox, 'echo', 'ran'];
  const once = async () => {
    const stdout = await mustRun(process.execPath, argv);
    if (stdout !== 'ran\n') throw new Error(stdout);
  };
  await once();
  const first = await lookAtKept(stock.engine);
  await manyTimes(Math.ceil(runs / 50), atOnce, once);
  t.deepEqual(await lookAtKept(stock.engine), first);
});
