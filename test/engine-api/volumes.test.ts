import test from 'ava';
import { openCheckedApi } from './checked-api.ts';

const filters = (value: object) => `filters=${encodeURIComponent(JSON.stringify(value))}`;

test('a volume is made, listed, looked at and removed', async (t) => {
  await using api = await openCheckedApi();
  const body = { Name: 'data', Labels: { a: 'b' } };
  const made = await api.call('POST', '/v1.41/volumes/create', body);
  t.is(made.status, 201);
  t.like(made.json, { Name: 'data', Driver: 'local', Scope: 'local', Labels: { a: 'b' }, Options: {} });
  t.is(
    (await api.call('POST', '/v1.41/volumes/create', { Name: 'data' })).json.CreatedAt,
    made.json.CreatedAt,
  );
  t.deepEqual((await api.call('GET', '/v1.41/volumes/data')).json, made.json);
  t.deepEqual((await api.call('GET', '/v1.41/volumes')).json, { Volumes: [made.json], Warnings: [] });
  t.is((await api.call('DELETE', '/v1.41/volumes/data')).status, 204);
  const gone = await api.call('GET', '/v1.41/volumes/data');
  t.is(gone.status, 404);
  t.is(gone.json.message, 'get data: no such volume');
  t.is((await api.call('DELETE', '/v1.41/volumes/data')).status, 404);
  t.is((await api.call('DELETE', '/v1.41/volumes/data?force=1')).status, 204);
});

test('a list of volumes is narrowed by its filters, and an unknown one is refused', async (t) => {
  await using api = await openCheckedApi();
  await api.call('POST', '/volumes/create', { Name: 'one', Labels: { kind: 'a' } });
  await api.call('POST', '/volumes/create', { Name: 'two', Labels: { kind: 'b' } });
  const listed = async (value: object) =>
    (await api.call('GET', `/volumes?${filters(value)}`)).json.Volumes.map(
      ({ Name }: { Name: string }) => Name,
    );
  t.deepEqual(await listed({ label: ['kind=a'] }), ['one']);
  t.deepEqual(await listed({ label: { kind: true } }), ['one', 'two']);
  t.deepEqual(await listed({ name: ['wo'] }), ['two']);
  t.deepEqual(await listed({ dangling: ['false'] }), []);
  t.deepEqual(await listed({ driver: ['nfs'] }), []);
  const unknown = await api.call('GET', `/volumes?${filters({ colour: ['red'] })}`);
  t.is(unknown.status, 400);
  t.is(unknown.json.message, "invalid filter 'colour'");
});

test('volumes of a driver that is not there, or without a proper name, are refused', async (t) => {
  await using api = await openCheckedApi();
  const refused = async (body: object) => {
    const { status, json } = await api.call('POST', '/volumes/create', body);
    return `${status} ${json.message}`;
  };
  t.is(
    await refused({ Name: 'x1', Driver: 'nfs' }),
    '404 create x1: error looking up volume plugin nfs: plugin "nfs" not found',
  );
  t.regex(await refused({ Name: '../x' }), /^400 invalid volume name/);
  t.regex(await refused({ Name: 3 }), /^400 json: cannot unmarshal number into field Name of type string/);
});

test('a prune takes what has no name, until 1.41 all that nothing uses', async (t) => {
  await using api = await openCheckedApi();
  const { json } = await api.call('POST', '/volumes/create', {});
  t.deepEqual(json.Labels, { 'com.docker.volume.anonymous': '' });
  await api.call('POST', '/volumes/create', { Name: 'kept' });
  const pruned = await api.call('POST', '/v1.42/volumes/prune');
  t.deepEqual(pruned.json.VolumesDeleted, [json.Name]);
  t.deepEqual((await api.call('POST', '/v1.42/volumes/prune')).json, {
    VolumesDeleted: null,
    SpaceReclaimed: 0,
  });
  t.deepEqual((await api.call('POST', '/v1.41/volumes/prune')).json.VolumesDeleted, ['kept']);
});

test('a volume that a container has is not removed', async (t) => {
  await using api = await openCheckedApi();
  const { engine, image } = api;
  const held = { mounts: [{ type: 'volume', name: 'held', target: '/data' }] } as const;
  const { id } = await engine.containers.create(image, { ...held, argv: ['true'], network: 'none' });
  const refused = await api.call('DELETE', '/volumes/held');
  t.is(refused.status, 409);
  t.is(refused.json.message, `remove held: volume is in use - [${id}]`);
});
