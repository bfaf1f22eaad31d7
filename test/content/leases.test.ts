import { readdirSync } from 'node:fs';
import test from 'ava';
import { Leases } from '../../lib/content/index.ts';
import { digestOf } from '../../lib/oci/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

test('a lease says what is needed until it is disposed', async (t) => {
  const folder = temporaryFolder(t);
  const leases = new Leases(folder);
  const needs = { blobs: [digestOf('a')], chainIds: [digestOf('b')] };
  {
    await using _lease = await leases.take(needs);
    t.deepEqual(await new Leases(folder).list(), [needs]);
  }
  t.deepEqual(await leases.list(), []);
  t.deepEqual(readdirSync(folder), []);
});
