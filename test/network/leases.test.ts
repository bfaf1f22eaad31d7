import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { Leases } from '../../lib/network/leases.ts';

const small = {
  subnet: '10.9.0.0/29',
  gateway: '10.9.0.1',
  ipRange: null,
  auxiliary: { printer: '10.9.0.6' },
};

function open(isAlive: (id: string) => Promise<boolean> = async () => true) {
  const folder = mkdtempSync('/dev/shm/strake-leases-');
  const directory = join(folder, 'network/leases');
  mkdirSync(directory, { recursive: true });
  return {
    leases: new Leases(directory, isAlive),
    directory,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

test('addresses are given in their order, without the first, the last, the gateway and those of others', async (t) => {
  using fixture = open();
  const given: string[] = [];
  for (const id of ['a', 'b', 'c', 'd']) given.push(await fixture.leases.take(small, id, null));
  t.deepEqual(given, ['10.9.0.2', '10.9.0.3', '10.9.0.4', '10.9.0.5']);
  await t.throwsAsync(fixture.leases.take(small, 'e', null), { code: 'ERR_ADDRESSES_EXHAUSTED' });
});

test('an address that has just been given back is not the next one', async (t) => {
  using fixture = open();
  const first = await fixture.leases.take(small, 'a', null);
  await fixture.leases.release(first, 'a');
  t.is(await fixture.leases.take(small, 'b', null), '10.9.0.3');
});

test('what the dead have is given to who needs it, and nobody else’s', async (t) => {
  const dead = new Set<string>();
  using fixture = open(async (id) => !dead.has(id));
  for (const id of ['a', 'b', 'c', 'd']) await fixture.leases.take(small, id, null);
  dead.add('b');
  t.is(await fixture.leases.take(small, 'e', null), '10.9.0.3');
  await t.throwsAsync(fixture.leases.take(small, 'f', '10.9.0.2'), { code: 'ERR_ADDRESS_IN_USE' });
  dead.add('a');
  t.is(await fixture.leases.take(small, 'f', '10.9.0.2'), '10.9.0.2');
  await fixture.leases.release('10.9.0.2', 'a');
  t.is(readdirSync(fixture.directory).length, 4, 'it is f’s now');
});

test('two that take back the lease of one who is dead never end that of who has it since', async (t) => {
  let looks = 0;
  using fixture = open(async (id) => {
    await delay(++looks % 3); // each looks in its own time
    return id !== 'dead';
  });
  for (let round = 0; round < 30; round++) {
    symlinkSync('dead', join(fixture.directory, '10.9.0.5'));
    const takers = ['a', 'b', 'c', 'd'].map((id) =>
      fixture.leases.take(small, id, '10.9.0.5').catch(() => null),
    );
    const taken = await Promise.all(takers);
    t.is(taken.filter((address) => address !== null).length, 1, 'one has it');
    const winner = 'abcd'[taken.findIndex((address) => address !== null)] as string;
    t.is(readlinkSync(join(fixture.directory, '10.9.0.5')), winner);
    await fixture.leases.release('10.9.0.5', winner);
  }
});

test('the range is where addresses are taken from, and the subnet where one may be asked for', async (t) => {
  using fixture = open();
  const ranged = { ...small, subnet: '10.9.0.0/24', ipRange: '10.9.0.128/30' };
  const given = [];
  for (const id of ['a', 'b', 'c', 'd']) given.push(await fixture.leases.take(ranged, id, null));
  t.deepEqual(given, ['10.9.0.128', '10.9.0.129', '10.9.0.130', '10.9.0.131']);
  t.is(await fixture.leases.take(ranged, 'e', '10.9.0.9'), '10.9.0.9');
  await t.throwsAsync(fixture.leases.take(ranged, 'e', '10.8.0.9'), { code: 'ERR_NETWORK_OPTION_INVALID' });
});

test('of a network that is gone nobody gets an address', async (t) => {
  using fixture = open();
  rmSync(fixture.directory, { recursive: true });
  await t.throwsAsync(fixture.leases.take(small, 'a', null), { code: 'ERR_NETWORK_NOT_FOUND' });
});

test('an IPv6 subnet is not counted through', async (t) => {
  using fixture = open();
  const large = { subnet: 'fd00:9::/64', gateway: 'fd00:9::1', ipRange: null, auxiliary: {} };
  t.is(await fixture.leases.take(large, 'a', null), 'fd00:9::2');
  t.is(await fixture.leases.take(large, 'b', null), 'fd00:9::3');
});
