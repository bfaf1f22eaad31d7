import { existsSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { openEngine } from '../../lib/engine/index.ts';
import { makeEndpoint } from '../../lib/network/endpoints.ts';
import type { NetworkRecord } from '../../lib/network/network-record.ts';
import { NetworkStore } from '../../lib/network/network-store.ts';
import { Undo } from '../../lib/undo/index.ts';
import { type NetworkFixture, openNetworkFixture } from '../fixtures/networks.ts';

const test = anyTest as TestFn<NetworkFixture>;

test.before(async (t) => {
  t.context = await openNetworkFixture();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

test.serial('a network has a bridge and rules from its making to its removal', async (t) => {
  const { engine, host } = t.context;
  const { id, subnets, containers } = await engine.networks.create('front', { labels: { tier: 'web' } });
  t.regex(subnets[0]?.subnet ?? '', /^172\.(1[89]|2\d|3[01])\.0\.0\/16$/);
  t.deepEqual(containers, {});
  const bridge = `sb-${id.slice(0, 12)}`;
  t.regex(await host.must(`ip -br addr show ${bridge}`), new RegExp(subnets[0]?.gateway ?? 'none'));
  t.regex(await host.must('/usr/sbin/nft list table inet strake'), new RegExp(`chain to-${bridge}`));
  t.is((await engine.networks.inspect(id.slice(0, 8))).name, 'front');
  await engine.networks.remove('front');
  t.not((await host.sh(`ip link show ${bridge}`)).code, 0);
  t.notRegex(await host.must('/usr/sbin/nft list table inet strake'), new RegExp(bridge));
  await t.throwsAsync(engine.networks.inspect('front'), { code: 'ERR_NETWORK_NOT_FOUND' });
  await t.throwsAsync(engine.networks.remove('front'), { code: 'ERR_NETWORK_NOT_FOUND' });
});

test.serial(
  'a network that is removed while a container is about to join it is not made again',
  async (t) => {
    const { engine, host } = t.context;
    const { id } = await engine.networks.create('short');
    const store = new NetworkStore(engine.root, engine.runDir, async () => false);
    const record = store.read(id) as NetworkRecord;
    await engine.networks.remove('short');
    const [joining, request] = [
      { id: 'a'.repeat(64), name: 'late', hostname: 'late' },
      { network: 'short', aliases: [], ip: null, ip6: null, mac: null },
    ];
    await using undo = new Undo();
    await t.throwsAsync(makeEndpoint(store, record, joining, request, [], undo), {
      code: 'ERR_NETWORK_NOT_FOUND',
    });
    t.false(existsSync(store.runPath(id)));
    t.not((await host.sh(`ip link show sb-${id.slice(0, 12)}`)).code, 0);
  },
);

test.serial('who looks at the default network does not make it', async (t) => {
  const { engine, host } = t.context;
  const { id, subnets } = await engine.networks.inspect('bridge');
  t.deepEqual([id, subnets], ['bridge', []]);
  t.true((await engine.networks.list()).some(({ name }) => name === 'bridge'));
  t.not((await host.sh('ip link show strake0')).code, 0);
});

test.serial('engines of two roots on one host have a default network each', async (t) => {
  const { engine, host, image, directory } = t.context;
  await engine.run(image, ['true'], { network: 'bridge' });
  await using other = await openEngine({ root: join(directory, 'other'), netns: host.path });
  const { stdout } = await other.run(image, ['ip', '-o', '-4', 'addr', 'show', 'eth0'], {
    network: 'bridge',
  });
  t.regex(stdout, /inet 172\.\d+\.0\.2/);
  const [one, two] = await Promise.all([engine, other].map(({ networks }) => networks.inspect('bridge')));
  t.not(one?.subnets[0]?.subnet, two?.subnets[0]?.subnet);
  t.is((await host.sh(`ip link show sb-${two?.id.slice(0, 12)}`)).code, 0);
});

test.serial('the default network cannot be removed, by its id neither', async (t) => {
  const { engine } = t.context;
  await engine.run(t.context.image, ['true'], { network: 'bridge' });
  const { id } = await engine.networks.inspect('bridge');
  for (const name of ['bridge', id, id.slice(0, 12)])
    await t.throwsAsync(engine.networks.remove(name), { code: 'ERR_NETWORK_NAME_INVALID' });
  t.is((await engine.networks.inspect('bridge')).id, id);
});

test.serial('another engine sees a network, and its name is taken', async (t) => {
  const { engine, host } = t.context;
  await engine.networks.create('shared');
  await using other = await openEngine({ root: engine.root, netns: host.path });
  t.deepEqual(
    (await other.networks.list()).map(({ name }) => name),
    ['bridge', 'host', 'none', 'shared'],
  );
  await t.throwsAsync(other.networks.create('shared'), { code: 'ERR_NETWORK_EXISTS' });
  await other.networks.remove('shared');
});

test.serial('a subnet that a network or a route of the host has is refused, and never chosen', async (t) => {
  const { engine, host } = t.context;
  await host.must('ip route add 172.18.0.0/15 via 198.51.100.254');
  const { subnets } = await engine.networks.create('chosen');
  t.is(subnets[0]?.subnet, '172.20.0.0/16');
  for (const subnet of ['172.20.5.0/24', '172.19.0.0/24', '198.51.0.0/16'])
    await t.throwsAsync(engine.networks.create('other', { subnets: [{ subnet }] }), {
      code: 'ERR_SUBNET_OVERLAP',
    });
  await engine.networks.remove('chosen');
  await host.must('ip route del 172.18.0.0/15');
});

test.serial('twelve at once, from several engines, have twelve subnets', async (t) => {
  const { engine, host } = t.context;
  const engines = await Promise.all([1, 2, 3].map(() => openEngine({ root: engine.root, netns: host.path })));
  const made = await Promise.all(
    Array.from({ length: 12 }, (_, n) => engines[n % 3]?.networks.create(`many-${n}`, { ipv6: true })),
  );
  t.is(new Set(made.map((info) => info?.subnets[0]?.subnet)).size, 12);
  t.is(new Set(made.map((info) => info?.subnets[1]?.subnet)).size, 12);
  t.deepEqual((await engine.networks.prune()).length, 12);
});

test.serial('what cannot be is refused with its reason', async (t) => {
  const { engine } = t.context;
  for (const name of ['', 'bridge', 'host', 'none', 'a/b', '-x', 'x'.repeat(129)])
    await t.throwsAsync(engine.networks.create(name), { code: 'ERR_NETWORK_NAME_INVALID' });
  for (const options of [
    { driver: 'overlay' },
    { driver: 'macvlan' },
    { subnets: [{ subnet: '10.0.0.0/31' }] },
    { subnets: [{ subnet: '10.1.0.0/24' }, { subnet: '10.2.0.0/24' }] },
    { subnets: [{ subnet: '10.1.0.0/24', gateway: '10.2.0.1' }] },
    { subnets: [{ subnet: '10.1.0.0/24', ipRange: '10.1.0.0/23' }] },
    { options: { colour: 'red' } },
    { options: { 'com.docker.network.driver.mtu': '3' } },
    { options: { 'com.docker.network.bridge.name': 'x'.repeat(16) } },
  ])
    await t.throwsAsync(engine.networks.create('bad', options), { code: 'ERR_NETWORK_OPTION_INVALID' });
  await t.throwsAsync(
    engine.networks.create('bad', { options: { 'com.docker.network.bridge.name': 'up0' } }),
    {
      code: 'ERR_NETWORK_INTERFACE_TAKEN',
    },
  );
  t.deepEqual(
    (await engine.networks.list()).map(({ name }) => name).filter((name) => name === 'bad'),
    [],
  );
});

test.serial('prune and filters leave what a container names, even one that does not run', async (t) => {
  const { engine, image } = t.context;
  await engine.networks.create('used', { labels: { keep: 'yes' } });
  await engine.networks.create('unused');
  const container = await engine.containers.create(image, { network: 'used', argv: ['true'] });
  const names = async (filters: object) => (await engine.networks.list({ filters })).map(({ name }) => name);
  t.deepEqual(await names({ dangling: false }), ['used']);
  t.deepEqual(await names({ label: ['keep=yes'] }), ['used']);
  t.deepEqual(await names({ driver: ['bridge'], name: ['sed'] }), ['unused', 'used']);
  t.deepEqual(await engine.networks.prune(), ['unused']);
  await container.remove();
  t.deepEqual(await engine.networks.prune(), ['used']);
});

test.serial('mtu and bridge name are as asked', async (t) => {
  const { engine, image, host } = t.context;
  const options = { 'com.docker.network.driver.mtu': '1400', 'com.docker.network.bridge.name': 'lab0' };
  await engine.networks.create('lab', { options });
  t.regex(await host.must('ip link show lab0'), /mtu 1400/);
  const { stdout } = await engine.run(image, ['ip', 'link', 'show', 'eth0'], { network: 'lab' });
  t.regex(stdout, /mtu 1400/);
  await engine.networks.remove('lab');
});

test.serial('a macvlan is on the wire of the host', async (t) => {
  const { engine, image } = t.context;
  await engine.networks.create('wire', {
    driver: 'macvlan',
    subnets: [{ subnet: '198.51.100.0/24', gateway: '198.51.100.254' }],
    options: { parent: 'up0' },
  });
  const networks = [{ name: 'wire', ip: '198.51.100.77' }];
  const { stdout, exitCode } = await engine.run(
    image,
    ['sh', '-c', 'ip addr show eth0; ping -c1 -W3 203.0.113.9'],
    { networks },
  );
  t.is(exitCode, 0, stdout);
  t.regex(stdout, /198\.51\.100\.77\/24/);
  await engine.networks.remove('wire');
});
