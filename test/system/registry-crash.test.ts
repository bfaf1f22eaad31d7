/** A registry that is killed at any instant of a push: what it has acknowledged is there, and nothing is half there. */
import { readdirSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build } from 'esbuild';
import {
  collectGarbage,
  openRegistry,
  type Registry,
  scrubRegistry,
} from '../../lib/registry-server/index.ts';
import { checkout } from '../fixtures/cache.ts';
import { runRecorded } from '../fixtures/recorded-run.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { clientOf } from '../registry-server/client.ts';

/** So many instants are tried; all of them with STRAKE_ALL_CRASHES=1. */
const samples = process.env.STRAKE_ALL_CRASHES === '1' ? Number.POSITIVE_INFINITY : 10;

test.serial(
  'a registry that is killed at any change of a push has what it acknowledged, and is pushed to again',
  async (t) => {
    t.timeout(600_000);
    const folder = temporaryFolder(t);
    const before = join(folder, 'before');
    {
      await using registry = await openRegistry({ storage: before });
      await clientOf(registry, before).image('team/app', 'old');
    }
    const program = await bundle(t);
    const run = async (root: string, killAt?: number) =>
      runRecorded(root, [process.execPath, program, root], killAt === undefined ? {} : { killAt });
    let copies = 0;
    const fresh = async () => {
      const root = join(folder, `store-${copies++}`);
      await cp(before, root, { recursive: true, preserveTimestamps: true });
      return root;
    };
    const whole = await fresh();
    const { count, code, stderr } = await run(whole);
    t.is(code, 0, stderr);
    await assertWhole(t, whole, stderr, 'without a crash');
    for (const killAt of spread(count)) {
      const root = await fresh();
      const instant = `killed at ${killAt} of ${count}`;
      const killed = await run(root, killAt);
      if (killed.code !== 0) t.is(killed.code, 137, `${instant}: ${killed.stderr}`);
      await assertWhole(t, root, killed.stderr, instant);
      const again = await run(root);
      t.is(again.code, 0, `${instant}: ${again.stderr}`);
      await assertWhole(t, root, again.stderr, `${instant}, and pushed again`);
      await assertClean(t, root, instant);
      await rm(root, { recursive: true });
    }
    t.log(`${Math.min(samples, count)} of ${count} instants`);
  },
);

/** All that was acknowledged is there, or gone; all that is there is whole. */
async function assertWhole(
  t: ExecutionContext,
  root: string,
  stderr: string,
  instant: string,
): Promise<void> {
  await using registry = await openRegistry({ storage: root });
  for (const [, gone, path = ''] of stderr.matchAll(/^ack (-?)(.*)$/gm))
    t.is(await statusOf(registry, path), gone ? 404 : 200, `${instant}: ${path}`);
  t.deepEqual((await scrubRegistry(registry.storage)).problems, [], instant);
}

/** Nothing is left of what was in the making once garbage was collected: two manifests of which one has a tag. */
async function assertClean(t: ExecutionContext, root: string, instant: string): Promise<void> {
  {
    await using registry = await openRegistry({ storage: root });
    await collectGarbage(registry.storage, { grace: -1000, uploadLife: -1000, untagged: true });
    t.is((await scrubRegistry(registry.storage)).blobs, 3, instant);
  }
  t.deepEqual(readdirSync(join(root, 'uploads')), [], instant);
  t.deepEqual(readdirSync(join(root, 'drafts')), [], instant);
}

async function statusOf(registry: Registry, path: string): Promise<number> {
  const response = await fetch(registry.url + path);
  await response.arrayBuffer();
  return response.status;
}

function spread(count: number): number[] {
  if (count <= samples) return Array.from({ length: count }, (_, at) => at + 1);
  return Array.from({ length: samples }, (_, at) => 1 + Math.round((at * (count - 1)) / (samples - 1)));
}

/** As one file, which starts ten times faster. */
async function bundle(t: ExecutionContext): Promise<string> {
  const outfile = join(checkout, `build/fixtures/registry-program-${process.pid}.mjs`);
  await build({
    entryPoints: [join(checkout, 'test/fixtures/registry-program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  t.teardown(() => rm(outfile, { force: true }));
  return outfile;
}
