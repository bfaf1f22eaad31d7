import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { Partials } from '../../lib/content/index.ts';
import { digestOf } from '../../lib/oci/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const [product, blob] = [digestOf('product'), digestOf('blob')];

test('one at a time is at work on a product; the next one waits and finds what was downloaded', async (t) => {
  const partials = new Partials(temporaryFolder(t));
  const first = await partials.claim(product, blob);
  t.true(partials.isClaimed(product));
  let waiting = false;
  const second = partials.claim(product, blob, {
    onWait: () => {
      waiting = true;
      writeFileSync(first.path, 'half');
      void first[Symbol.asyncDispose]();
    },
  });
  await using claim = await second;
  t.true(waiting);
  t.true(existsSync(claim.path));
});

test('a claim leaves its bytes and no lock', async (t) => {
  const folder = temporaryFolder(t);
  const partials = new Partials(folder);
  {
    await using claim = await partials.claim(product, blob);
    writeFileSync(claim.path, 'half');
  }
  t.false(partials.isClaimed(product));
  t.is(readdirSync(folder).length, 1);
});

test('a sweep removes old bytes that nobody is at work on, and locks of the dead', async (t) => {
  const folder = temporaryFolder(t);
  const partials = new Partials(folder);
  const claim = await partials.claim(product, blob);
  writeFileSync(claim.path, 'half');
  utimesSync(claim.path, 1, 1);
  await partials.sweep(1000, async () => false);
  t.true(existsSync(claim.path));
  await claim[Symbol.asyncDispose]();
  writeFileSync(`${claim.path.slice(0, -65)}.lock`, '');
  await partials.sweep(1000, async () => false);
  t.deepEqual(readdirSync(folder), []);
});

test('a sweep removes fresh bytes of a product that is made', async (t) => {
  const folder = temporaryFolder(t);
  const partials = new Partials(folder);
  {
    await using claim = await partials.claim(product, blob);
    writeFileSync(claim.path, 'whole');
  }
  await partials.sweep(1_000_000, async () => false);
  t.is(readdirSync(folder).length, 1);
  await partials.sweep(1_000_000, async (digest) => digest === product);
  t.deepEqual(readdirSync(folder), []);
});
