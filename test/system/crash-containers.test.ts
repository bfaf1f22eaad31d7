import test, { type ExecutionContext } from 'ava';
import {
  type ContainerScenario,
  type ContainerVerb,
  containerVerbs,
  monitoredVerbs,
  openContainerScenario,
} from '../fixtures/container-scenario.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import type { Victim } from '../fixtures/recorded-run.ts';

/**
 * A program, or a monitor, is killed at the k-th of its calls that change anything: files, control groups, processes, mounts,
 * signals, sockets. So many k of each verb are tried; all of them with STRAKE_ALL_CRASHES=1.
 */
const samples = process.env.STRAKE_ALL_CRASHES === '1' ? Number.POSITIVE_INFINITY : 5;
/** With it, only those verbs. */
const only = process.env.STRAKE_CRASH_VERBS?.split(',');

let scenario: ContainerScenario;

test.before(async () => {
  scenario = await openContainerScenario();
});

test.after.always(async () => {
  await scenario?.[Symbol.asyncDispose]();
});

const cases: readonly (readonly [ContainerVerb, Victim])[] = [
  ...containerVerbs.filter((verb) => verb !== 'life').map((verb) => [verb, 'program'] as const), // who else would remove it?
  ...monitoredVerbs.map((verb) => [verb, 'monitor'] as const),
];

for (const [verb, whom] of cases.filter(([name]) => only?.includes(name) ?? true)) {
  test.serial(
    `${verb}, whose ${whom} is killed at any of its changes: nothing is left, and it succeeds the next time`,
    async (t) => {
      t.timeout(3_600_000);
      await scenario.clear();
      await using _ = await watchLeaks(t, scenario.engine);
      await using _clear = { [Symbol.asyncDispose]: () => scenario.clear() };
      const { count, after } = await uncut(t, verb, whom);
      t.log(`${count} calls`);
      for (const killAt of spread(count, samples)) await kill(t, verb, whom, killAt, after);
    },
  );
}

/** How many calls there are, and how many things of each kind there are afterwards. */
async function uncut(t: ExecutionContext, verb: ContainerVerb, whom: Victim) {
  await scenario.prepare(verb);
  const { count, code, stderr } = await scenario.run(verb, { whom });
  t.is(code, 0, stderr);
  t.true(await scenario.isDone(verb), 'without a crash');
  t.deepEqual((await scenario.check()).findings, [], 'without a crash');
  return { count, after: census(scenario.files()) };
}

async function kill(t: ExecutionContext, verb: ContainerVerb, whom: Victim, killAt: number, after: unknown) {
  const instant = `${verb}, ${whom} killed at ${killAt}`;
  await scenario.prepare(verb);
  await scenario.run(verb, { whom, killAt });
  await nextCommand();
  t.deepEqual((await scenario.check()).findings, [], instant);
  if (await scenario.isDone(verb)) {
    if (!isRepeatable(verb)) return t.deepEqual(census(scenario.files()), after, instant);
  }
  const again = await scenario.run(verb, { whom: 'program' });
  // A monitor that was on its way when the program died has done it meanwhile.
  if (isRepeatable(verb) || !(await scenario.isDone(verb)))
    t.is(again.code, 0, `${instant}, again: ${again.stderr}`);
  t.true(await scenario.isDone(verb), instant);
  await nextCommand();
  t.deepEqual((await scenario.check()).findings, [], `${instant}, again`);
  t.deepEqual(census(scenario.files()), after, instant);
}

/** What anybody does next: looking at containers and volumes, and what `images` and `prune` do about interrupted work. */
async function nextCommand(): Promise<void> {
  const { containers, volumes, images } = scenario.engine;
  await containers.list({ all: true });
  await volumes.list();
  await images.sweep();
}

/** Once a container is made, started or gone, the same again is a conflict. */
function isRepeatable(verb: ContainerVerb): boolean {
  return ['exec', 'commit', 'prune', 'volume-create', 'run', 'life', 'update'].includes(verb);
}

/** Names are random: how many there are of each kind. */
function census(files: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const file of files) {
    const folder = file.slice(0, file.lastIndexOf('/'));
    counts[folder] = (counts[folder] ?? 0) + 1;
  }
  return counts;
}

/** From 1 to `count`, evenly, with the first and the last. */
function spread(count: number, samples: number): number[] {
  if (count <= samples) return Array.from({ length: count }, (_, at) => at + 1);
  return Array.from({ length: samples }, (_, at) => 1 + Math.round((at * (count - 1)) / (samples - 1)));
}
