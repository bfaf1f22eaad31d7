import { request } from 'node:http';
import { join } from 'node:path';
import test from 'ava';
import { openEngineApi } from '../../lib/engine-api/index.ts';
import { hasDockerSchema, schemaErrors } from '../fixtures/docker-schema.ts';
import { openNetworkFixture } from '../fixtures/networks.ts';

test.serial('a network is made, joined, looked at, left and removed by the Engine API', async (t) => {
  await using fixture = await openNetworkFixture();
  const { engine, directory, image } = fixture;
  const socketPath = join(directory, 'docker.sock');
  await using _api = await openEngineApi(engine, { listen: [`unix://${socketPath}`] });
  const call = async (method: string, path: string, described: string, body?: object) => {
    const answer = await ask(socketPath, method, path, body);
    if (hasDockerSchema) t.deepEqual(schemaErrors(method, described, answer.status, answer.json), []);
    return answer;
  };
  const ipam = { Config: [{ Subnet: '10.88.0.0/24' }] };
  const made = await call('POST', '/v1.41/networks/create', '/networks/create', {
    Name: 'front',
    IPAM: ipam,
  });
  t.is(made.status, 201);
  const again = await call('POST', '/v1.41/networks/create', '/networks/create', { Name: 'front' });
  t.is(again.status, 409);
  t.is(again.json.message, 'network with name front already exists');

  const container = await engine.containers.create(image, { argv: ['sleep', '60'], network: 'bridge' });
  await using started = await container.start();
  const endpoint = { Aliases: ['db'], IPAMConfig: { IPv4Address: '10.88.0.9' } };
  const joining = { Container: container.name, EndpointConfig: endpoint };
  const joined = await call('POST', '/networks/front/connect', '/networks/{id}/connect', joining);
  t.is(joined.status, 200);
  t.is((await call('POST', '/networks/front/connect', '/networks/{id}/connect', joining)).status, 403);
  const looked = (await call('GET', '/v1.41/networks/front', '/networks/{id}')).json;
  t.like(looked.Containers[started.id], { Name: container.name, IPv4Address: '10.88.0.9/24' });
  const bridge = (await call('GET', '/v1.41/networks/bridge', '/networks/{id}')).json;
  t.regex(bridge.IPAM.Config[0].Gateway, /^172\.17\.0\.1$/);

  const busy = await call('DELETE', '/networks/front', '/networks/{id}');
  t.is(busy.status, 403);
  t.is(busy.json.message, `error while removing network: network front id ${looked.Id} has active endpoints`);
  const leaving = { Container: container.name };
  t.is((await call('POST', '/networks/front/disconnect', '/networks/{id}/disconnect', leaving)).status, 200);
  t.is((await call('POST', '/networks/front/disconnect', '/networks/{id}/disconnect', leaving)).status, 403);
  t.is((await call('DELETE', '/networks/front', '/networks/{id}')).status, 204);
});

test.serial('a prune takes the networks that nothing uses and that its filters want', async (t) => {
  await using fixture = await openNetworkFixture();
  const { engine, directory } = fixture;
  const socketPath = join(directory, 'docker.sock');
  await using _api = await openEngineApi(engine, { listen: [`unix://${socketPath}`] });
  await engine.networks.create('kept', { labels: { keep: '' } });
  await engine.networks.create('gone');
  const prune = async (filters: object) => {
    const text = encodeURIComponent(JSON.stringify(filters));
    return (await ask(socketPath, 'POST', `/networks/prune?filters=${text}`)).json;
  };
  t.deepEqual(await prune({ until: ['2020-01-01'] }), { NetworksDeleted: null });
  t.deepEqual(await prune({ 'label!': ['keep'] }), { NetworksDeleted: ['gone'] });
  t.deepEqual(await prune({}), { NetworksDeleted: ['kept'] });
});

// biome-ignore lint/suspicious/noExplicitAny: tests read documents of any shape
type Document = any;

function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; json: Document }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request({ socketPath, method, path, headers, agent: false }, async (response) => {
      let text = '';
      for await (const piece of response) text += piece;
      resolve({ status: response.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text) });
    });
    outgoing.on('error', reject).end(body && JSON.stringify(body));
  });
}
