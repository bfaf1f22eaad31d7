import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { isEngineError } from '../../lib/errors/index.ts';
import { bundledProgram } from '../fixtures/bundled-program.ts';
import { type NetworkFixture, openNetworkFixture } from '../fixtures/networks.ts';
import { runRecorded, type Victim } from '../fixtures/recorded-run.ts';

/**
 * A program, or a monitor, is killed at the k-th of its calls that change anything while it connects a container, changes its
 * networks and ports, and takes it down: netlink's requests are among them. Some k of each; all with STRAKE_ALL_CRASHES=1.
 */
const samples = process.env.STRAKE_ALL_CRASHES === '1' ? Number.POSITIVE_INFINITY : 14;
const test = anyTest as TestFn<NetworkFixture & { readonly program: string }>;

test.before(async (t) => {
  const fixture = await openNetworkFixture();
  t.context = Object.assign(fixture, { program: await bundledProgram('container-program') });
  await fixture.engine.networks.create('dual', { ipv6: true });
  await fixture.engine.networks.create('other');
});
test.after.always(async (t) => {
  await t.context[Symbol.asyncDispose]();
  await rm(t.context.program, { force: true });
});

const cases: readonly (readonly [string, Victim])[] = [
  ['network-run', 'program'],
  ['network-run', 'monitor'],
  ['network-life', 'program'],
  ['network-life', 'monitor'],
];

for (const [verb, whom] of cases) {
  test.serial(
    `${verb}, whose ${whom} is killed at any of its changes: no address, interface, rule or record is left`,
    async (t) => {
      t.timeout(3_600_000);
      const uncut = await run(t, verb, whom);
      t.is(uncut.code, 0, uncut.stderr);
      await t.context.assertNothingLeft(t);
      t.log(`${uncut.count} calls`);
      for (const killAt of spread(uncut.count)) {
        await run(t, verb, whom, killAt);
        await heal(t, `killed at ${killAt}`);
      }
      const again = await run(t, verb, whom);
      t.is(again.code, 0, again.stderr);
    },
  );
}

function run({ context }: ExecutionContext<TestContext>, verb: string, whom: Victim, killAt = 0) {
  const { engine, image, host, program } = context;
  const argv = [process.execPath, program, engine.root, verb, image];
  return runRecorded(engine.root, argv, { whom, killAt, env: { STRAKE_NETNS: host.path } });
}

type TestContext = NetworkFixture & { readonly program: string };

/** What anybody does next: looking, and removing what he no longer wants. */
async function heal(t: ExecutionContext<TestContext>, instant: string): Promise<void> {
  const { engine } = t.context;
  for (let attempt = 0; (await removeAll(engine)) === 'busy' && attempt < 40; attempt++) await delay(50);
  for (const name of ['dual', 'other'])
    t.deepEqual((await engine.networks.inspect(name)).containers, {}, instant);
  await t.context.assertNothingLeft(t);
  t.deepEqual((await engine.system.check()).findings, [], instant);
}

/** Busy: a program that was killed is not quite gone, and has one. What its monitor removes meanwhile is gone. */
async function removeAll({ containers }: NetworkFixture['engine']): Promise<'busy' | 'done'> {
  for (const { id } of await containers.list({ all: true })) {
    try {
      await containers.remove(id, { force: true });
    } catch (error) {
      if (isEngineError(error, 'ERR_CONTAINER_STATE')) return 'busy';
      if (!isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) throw error;
    }
  }
  return 'done';
}

/** From 1 to `count`, evenly, with the first and the last. */
function spread(count: number): number[] {
  if (count <= samples) return Array.from({ length: count }, (_, at) => at + 1);
  return Array.from({ length: samples }, (_, at) => 1 + Math.round((at * (count - 1)) / (samples - 1)));
}
