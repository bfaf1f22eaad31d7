import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { openCheckedApi } from './checked-api.ts';
import type { Answer, EngineApiFixture } from './engine-api-fixture.ts';

const query = (parameters: Record<string, string>) => new URLSearchParams(parameters).toString();
const filters = (value: object) => query({ filters: JSON.stringify(value) });
const auth = (config: object) => ({
  'x-registry-auth': Buffer.from(JSON.stringify(config)).toString('base64url'),
});

/** The objects of a stream, one a line. */
function lines({ text }: Answer): Record<string, unknown>[] {
  return text
    .trim()
    .split('\r\n')
    .map((line) => JSON.parse(line));
}

/** The API with a registry that has busybox, and busybox pulled. */
async function openStocked(login?: { user: string; password: string }) {
  const registry = await startRegistry(login ? { login } : {});
  const api = await openCheckedApi();
  const name = await registry.push(await busyboxImage(), 'team/busybox:1');
  return {
    api,
    registry,
    name,
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

function pull(api: EngineApiFixture, { address }: Registry, headers = {}): Promise<Answer> {
  const parameters = query({ fromImage: `${address}/team/busybox`, tag: '1' });
  return api.call('POST', `/v1.41/images/create?${parameters}`, undefined, headers);
}

test('a pull tells of each layer, and of the image in the end', async (t) => {
  await using stocked = await openStocked();
  const { api, registry, name } = stocked;
  const told = lines(await pull(api, registry));
  t.deepEqual(told[0], { status: 'Pulling from team/busybox', id: '1' });
  const layer = told.filter(({ id }) => typeof id === 'string' && id.length === 12);
  t.is(layer[0]?.status, 'Pulling fs layer');
  t.is(layer.at(-1)?.status, 'Pull complete');
  t.deepEqual(layer.at(-1)?.progressDetail, {});
  t.regex(String(told.at(-2)?.status), /^Digest: sha256:[0-9a-f]{64}$/);
  t.is(told.at(-1)?.status, `Status: Downloaded newer image for ${name}`);
  t.is(lines(await pull(api, registry)).at(-1)?.status, `Status: Image is up to date for ${name}`);
});

test('what cannot be pulled has a status, and the words that clients look for', async (t) => {
  await using stocked = await openStocked();
  const { api, registry } = stocked;
  const missing = await api.call(
    'POST',
    `/images/create?${query({ fromImage: `${registry.address}/absent`, tag: '1' })}`,
  );
  t.is(missing.status, 404);
  t.regex(missing.json.message, /^manifest for .*\/absent:1 not found: manifest unknown/);
  t.is((await api.call('POST', `/images/create?${query({ fromImage: 'UPPER', tag: '1' })}`)).status, 400);
  t.is((await api.call('POST', '/images/create')).status, 400);
  const inspected = await api.call('GET', '/images/absent/json');
  t.is(inspected.status, 404);
  t.is(inspected.json.message, 'No such image: absent:latest');
});

test('images are listed and looked at, by the version that is asked for', async (t) => {
  await using stocked = await openStocked();
  const { api, registry, name } = stocked;
  await pull(api, registry);
  const [image] = (await api.call('GET', '/v1.41/images/json')).json;
  t.like(image, { RepoTags: [name], ParentId: '', SharedSize: -1, Containers: -1 });
  t.is(image.VirtualSize, image.Size);
  const [recent] = (await api.call('GET', '/v1.51/images/json?shared-size=1')).json;
  t.false('VirtualSize' in recent);
  t.like(recent, { SharedSize: 0, Containers: 0 });
  const latest = (await api.call('GET', `/v1.52/images/${name}/json`)).json;
  t.false('ContainerConfig' in latest);
  t.false('Hostname' in latest.Config);
  t.is(latest.Descriptor.mediaType, 'application/vnd.oci.image.manifest.v1+json');
  const inspected = (await api.call('GET', `/v1.41/images/${name}/json`)).json;
  t.like(inspected, { Id: image.Id, RepoTags: [name], Os: 'linux', Size: image.Size });
  t.deepEqual((await api.call('GET', `/v1.41/images/${image.Id}/json`)).json, inspected);
  t.is(inspected.RootFS.Layers.length, 1);
  const [step] = (await api.call('GET', `/v1.41/images/${name}/history`)).json;
  t.deepEqual(step.Tags, [name]);
});

test('a list is narrowed by its filters', async (t) => {
  await using stocked = await openStocked();
  const { api, registry, name } = stocked;
  await pull(api, registry);
  await api.call('POST', `/images/${name}/tag?${query({ repo: 'other', tag: '2' })}`);
  const names = async (value: object) =>
    (await api.call('GET', `/v1.41/images/json?${filters(value)}`)).json.flatMap(
      ({ RepoTags }: { RepoTags: string[] }) => RepoTags,
    );
  t.deepEqual((await names({})).sort(), [name, 'other:2'].sort());
  t.deepEqual(await names({ reference: ['oth*'] }), ['other:2']);
  t.deepEqual(await names({ reference: ['nothing'] }), []);
  t.deepEqual(await names({ dangling: ['true'] }), []);
  t.deepEqual(await names({ label: ['no-such-label'] }), []);
  t.deepEqual(await names({ before: ['other:2'] }), []);
  t.is((await names({ until: ['2999-01-01'] })).length, 2);
  t.deepEqual(await names({ until: ['1971-01-01T00:00:00Z'] }), []);
  t.is((await api.call('GET', `/images/json?${filters({ since: ['absent'] })}`)).status, 404);
});

test('an image goes into an archive, away, and comes back', async (t) => {
  await using stocked = await openStocked();
  const { api, registry, name } = stocked;
  await pull(api, registry);
  const { json: before } = await api.call('GET', `/v1.41/images/${name}/json`);
  const chunks: Buffer[] = [];
  for await (const piece of api.engine.images.save([name])) chunks.push(Buffer.from(piece));
  const saved = await api.call('GET', `/images/${name}/get`);
  t.is(saved.headers['content-type'], 'application/x-tar');
  const removed = (await api.call('DELETE', `/images/${name}`)).json;
  t.deepEqual(removed[0], { Untagged: name });
  t.true(removed.some(({ Deleted }: { Deleted?: string }) => Deleted === before.Id));
  t.is((await api.call('GET', `/images/${name}/get`)).status, 404);
  const loaded = lines(await api.call('POST', '/images/load?quiet=0', Buffer.concat(chunks)));
  t.is(loaded.at(-1)?.stream, `Loaded image: ${name}\n`);
  t.is((await api.call('GET', `/v1.41/images/${name}/json`)).json.Id, before.Id);
  const broken = lines(await api.call('POST', '/images/load', Buffer.from('no archive')));
  t.is(typeof broken[0]?.error, 'string');
  t.deepEqual(broken[0]?.errorDetail, { message: broken[0]?.error });
});

test('a push is told of, and another registry has it', async (t) => {
  const login = { user: 'ann', password: 'secret' };
  await using stocked = await openStocked(login);
  const { api, registry, name } = stocked;
  const credentials = auth({ username: login.user, password: login.password });
  const denied = await pull(api, registry);
  t.is(denied.status, 404);
  t.regex(denied.json.message, /^pull access denied for .*may require 'docker login'/);
  t.is((await pull(api, registry, credentials)).status, 200);
  const repo = `${registry.address}/team/copy`;
  t.is((await api.call('POST', `/images/${name}/tag?${query({ repo, tag: '2' })}`)).status, 201);
  const pushed = lines(await api.call('POST', `/images/${repo}/push?tag=2`, '', credentials));
  t.deepEqual(pushed[0], { status: `The push refers to repository [${repo}]` });
  const { aux } = pushed.at(-1) as { aux: { Tag: string; Digest: string } };
  t.is(aux.Tag, '2');
  const described = await api.call('GET', `/distribution/${repo}:2/json`, undefined, credentials);
  t.is(described.json.Descriptor.digest, aux.Digest);
  t.like(described.json.Platforms[0], { os: 'linux' });
  const refused = await api.call(
    'POST',
    `/images/${repo}/push?tag=2`,
    '',
    auth({ username: 'ann', password: 'x' }),
  );
  t.is(typeof lines(refused).at(-1)?.error, 'string');
  const absent = lines(
    await api.call('POST', `/images/${registry.address}/absent/push?tag=1`, '', credentials),
  );
  t.is(absent.at(-1)?.error, `An image does not exist locally with the tag: ${registry.address}/absent`);
});

test('a login is tried, and not kept', async (t) => {
  const login = { user: 'ann', password: 'secret' };
  await using stocked = await openStocked(login);
  const { api, registry } = stocked;
  const attempt = (password: string) =>
    api.call('POST', '/auth', { username: 'ann', password, serveraddress: `http://${registry.address}/v2/` });
  t.deepEqual((await attempt('secret')).json, { Status: 'Login Succeeded', IdentityToken: '' });
  t.is((await attempt('wrong')).status, 401);
  t.is((await pull(api, registry)).status, 404);
});

test('a root file system is imported, and a container committed', async (t) => {
  await using api = await openCheckedApi();
  await using source = await openStocked();
  await pull(source.api, source.registry);
  const { id } = await source.api.engine.containers.create(source.name, { argv: ['true'], network: 'none' });
  const tar: Buffer[] = [];
  for await (const piece of source.api.engine.containers.export(id)) tar.push(Buffer.from(piece));
  const parameters = query({ fromSrc: '-', repo: 'imported', tag: '1', changes: 'ENV A=b', message: 'made' });
  const [made] = lines(await api.call('POST', `/images/create?${parameters}`, Buffer.concat(tar)));
  const { json } = await api.call('GET', '/v1.41/images/imported:1/json');
  t.is(made?.status, json.Id);
  t.like(json, { Comment: 'made', Config: { Env: ['A=b'] } });
  const body = {
    Env: ['QUOTED=a "b" $c \\d'],
    Cmd: ['echo', 'x'],
    Labels: { l: 'v' },
    ExposedPorts: { '80/tcp': {} },
  };
  const committed = await source.api.call(
    'POST',
    `/commit?${query({ container: id, repo: 'made', tag: '2' })}`,
    body,
  );
  t.is(committed.status, 201);
  const { Config } = (await source.api.call('GET', `/v1.41/images/${committed.json.Id}/json`)).json;
  t.true(Config.Env.includes('QUOTED=a "b" $c \\d'));
  t.like(Config, { Cmd: ['echo', 'x'], Labels: { l: 'v' }, ExposedPorts: { '80/tcp': {} } });
  t.is((await source.api.call('POST', '/commit?container=absent')).status, 404);
});

test('an image in use stays, and a prune takes what has no name', async (t) => {
  await using stocked = await openStocked();
  const { api, registry, name } = stocked;
  await pull(api, registry);
  const { id } = await api.engine.containers.create(name, { argv: ['true'], network: 'none' });
  const refused = await api.call('DELETE', `/images/${name}`);
  t.is(refused.status, 409);
  t.regex(refused.json.message, /^conflict: unable to remove repository reference/);
  t.deepEqual((await api.call('POST', '/images/prune')).json, { ImagesDeleted: null, SpaceReclaimed: 0 });
  await api.engine.containers.remove(id);
  const kept = await api.call('POST', `/images/prune?${filters({ dangling: ['false'], label: ['absent'] })}`);
  t.is(kept.json.ImagesDeleted, null);
  const { json } = await api.call('POST', `/images/prune?${filters({ dangling: ['false'] })}`);
  t.true(json.ImagesDeleted.some(({ Untagged }: { Untagged?: string }) => Untagged === name));
  t.true(json.SpaceReclaimed > 0);
});

test('without a tag all that a repository has is pulled, and pushed', async (t) => {
  await using stocked = await openStocked();
  const { api, registry } = stocked;
  await registry.push(await busyboxImage(), 'team/busybox:2');
  const repository = `${registry.address}/team/busybox`;
  const told = lines(await api.call('POST', `/images/create?${query({ fromImage: repository })}`));
  t.is(told.filter(({ status }) => /^Status: /.test(String(status))).length, 2);
  const names = (await api.engine.images.list()).flatMap(({ references }) => references);
  t.deepEqual(names, [`${repository}:1`, `${repository}:2`]);
  const pushed = lines(await api.call('POST', `/images/${repository}/push`, ''));
  const tags = pushed.flatMap(({ aux }) => (aux ? [(aux as { Tag: string }).Tag] : []));
  t.deepEqual(tags, ['1', '2']);
});

test('a registry is searched', async (t) => {
  await using stocked = await openStocked();
  const { api, registry } = stocked;
  const { json } = await api.call('GET', `/images/search?term=${registry.address}/busy`);
  t.is(json[0].name, `${registry.address}/team/busybox`);
  const wrong = await api.call('GET', '/images/search?term=x&limit=101');
  t.is(wrong.json.message, 'Limit 101 is outside the range of [1, 100]');
});

test('a root file system is imported from a URL', async (t) => {
  await using api = await openCheckedApi();
  const tar = Buffer.alloc(10240); // of nothing
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/root.tar' ? 200 : 404;
    response.end(tar);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const from = (fromSrc: string) => api.call('POST', `/images/create?${query({ fromSrc, repo: 'fetched' })}`);
  const [made] = lines(await from(`http://${origin}/root.tar`));
  t.is(made?.status, (await api.call('GET', '/v1.41/images/fetched/json')).json.Id);
  const missing = await from(`${origin}/other.tar`);
  t.is(missing.status, 500);
  t.regex(missing.json.message, /cannot fetch .*: 404 Not Found/);
  t.is((await from('file:///etc/passwd')).status, 400);
  server.close();
});
