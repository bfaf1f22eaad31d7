import test from 'ava';
import { Fields } from '../../lib/engine-api/json-fields.ts';
import { patternOf } from '../../lib/engine-api/route.ts';
import { networkDocument } from '../../lib/engine-api/wire/network.ts';
import { networkRequest } from '../../lib/engine-api/wire/network-create.ts';
import { hasDockerSchema, schemaErrors } from '../fixtures/docker-schema.ts';
import { openCheckedApi } from './checked-api.ts';

const bridge = {
  id: 'f'.repeat(64),
  name: 'front',
  createdAt: '2026-01-31T12:00:00.000Z',
  driver: 'bridge',
  internal: false,
  ipv6: true,
  subnets: [
    {
      subnet: '172.30.0.0/16',
      gateway: '172.30.0.1',
      ipRange: '172.30.1.0/24',
      auxiliary: { host: '172.30.0.9' },
    },
    { subnet: 'fd00::/64', gateway: 'fd00::1', ipRange: null, auxiliary: {} },
  ],
  options: { 'com.docker.network.driver.mtu': '1400' },
  labels: { a: 'b' },
  containers: {
    abc: {
      name: 'web',
      interface: 'eth0',
      mac: '02:42:ac:1e:00:02',
      addresses: ['172.30.0.2/16', 'fd00::2/64'],
      names: ['web'],
      ports: [],
    },
  },
} as const;

test('a network is written as docker writes it', (t) => {
  const document = networkDocument(bridge, { minor: 41 });
  t.like(document, {
    Name: 'front',
    Driver: 'bridge',
    Scope: 'local',
    EnableIPv6: true,
    Labels: { a: 'b' },
    Options: { 'com.docker.network.driver.mtu': '1400' },
  });
  t.deepEqual(document.IPAM.Config, [
    {
      Subnet: '172.30.0.0/16',
      IPRange: '172.30.1.0/24',
      Gateway: '172.30.0.1',
      AuxiliaryAddresses: { host: '172.30.0.9' },
    },
    { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
  ]);
  t.deepEqual(document.Containers, {
    abc: {
      Name: 'web',
      EndpointID: 'abc',
      MacAddress: '02:42:ac:1e:00:02',
      IPv4Address: '172.30.0.2/16',
      IPv6Address: 'fd00::2/64',
    },
  });
  const { AuxiliaryAddresses: _, ...plain } = document.IPAM.Config[0] as Record<string, unknown>;
  const described = { ...document, IPAM: { ...document.IPAM, Config: [plain] } };
  if (hasDockerSchema) t.deepEqual(schemaErrors('GET', '/networks/{id}', 200, described), []);
});

test('a list has no containers since 1.28, and IPv4 is told of since 1.48', (t) => {
  t.deepEqual(networkDocument(bridge, { minor: 41, containers: false }).Containers, {});
  t.false('EnableIPv4' in networkDocument(bridge, { minor: 47 }));
  t.is(networkDocument(bridge, { minor: 48 }).EnableIPv4, true);
  t.is(networkDocument({ ...bridge, driver: 'none' }, { minor: 41 }).Driver, 'null');
});

test("what compose asks for is read, and what there is nothing for is refused in docker's words", (t) => {
  const read = (body: object) => networkRequest(new Fields(body as Record<string, unknown>));
  t.deepEqual(
    read({
      Name: 'app_default',
      CheckDuplicate: true,
      Driver: '',
      EnableIPv6: false,
      IPAM: {
        Driver: 'default',
        Options: null,
        Config: [{ Subnet: '10.9.0.0/16', Gateway: '10.9.0.1' }, {}],
      },
      Internal: true,
      Attachable: false,
      Options: null,
      Labels: { 'com.docker.compose.network': 'default' },
    }),
    {
      name: 'app_default',
      options: {
        driver: 'bridge',
        subnets: [{ subnet: '10.9.0.0/16', gateway: '10.9.0.1' }],
        internal: true,
        ipv6: false,
        labels: { 'com.docker.compose.network': 'default' },
      },
    },
  );
  t.like(
    t.throws(() => read({ Name: 'x', Driver: 'overlay' })),
    { status: 503 },
  );
  t.like(
    t.throws(() => read({ Name: 'x', Driver: 'weave' })),
    { status: 404 },
  );
  t.like(
    t.throws(() => read({ Name: 'x', Driver: 'host' })),
    { status: 403 },
  );
  t.like(
    t.throws(() => read({ Name: '' })),
    { status: 400 },
  );
  t.like(
    t.throws(() => read({ Name: 'x', IPAM: { Config: [{ Gateway: '10.0.0.1' }] } })),
    { status: 400 },
  );
});

test('networks that are always there are found and stay', async (t) => {
  await using api = await openCheckedApi();
  const host = await api.call('GET', '/networks/host');
  t.like(host.json, { Name: 'host', Driver: 'host', Scope: 'local' });
  t.is((await api.call('GET', '/networks/none')).json.Driver, 'null');
  const refused = await api.call('DELETE', '/networks/host');
  t.is(refused.status, 403);
  t.is(refused.json.message, 'host is a pre-defined network and cannot be removed');
  const missing = await api.call('GET', '/networks/nowhere');
  t.is(missing.status, 404);
  t.is(missing.json.message, 'network nowhere not found');
  t.is((await api.call('DELETE', '/networks/nowhere')).status, 404);
  t.is((await api.call('POST', '/networks/host/connect', { Container: 'nobody' })).status, 404);
  t.is((await api.call('POST', '/networks/host/connect', {})).status, 400);
  const made = await api.call('POST', '/networks/create', { Name: 'host' });
  t.is(made.status, 403);
});

test('names with slashes are told from the verbs behind them', (t) => {
  const pattern = patternOf('/images/{name...}/json');
  t.is(pattern.exec('/images/localhost:5000/a/b:c/json')?.groups?.name, 'localhost:5000/a/b:c');
  t.is(pattern.exec('/images/json'), null);
});
