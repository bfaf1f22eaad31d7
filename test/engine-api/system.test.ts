import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { parseTimestamp } from '../../lib/engine-api/timestamps.ts';
import { eventLine } from '../../lib/engine-api/wire/event.ts';
import { openCheckedApi } from './checked-api.ts';
import type { EngineApiFixture } from './engine-api-fixture.ts';

const query = (parameters: Record<string, string>) => new URLSearchParams(parameters).toString();

test('the machine and the engine are described', async (t) => {
  await using api = await openCheckedApi();
  const { json } = await api.call('GET', '/v1.41/info');
  const own = await api.engine.system.info();
  t.like(json, {
    Containers: 0,
    Images: 0,
    OSType: 'linux',
    NCPU: own.cpus,
    MemTotal: own.memory,
    Name: own.hostname,
    DockerRootDir: own.root,
    ServerVersion: api.engine.system.version().version,
    IndexServerAddress: 'https://index.docker.io/v1/',
    DefaultRuntime: 'strake',
  });
  t.is(json.Swarm.LocalNodeState, 'inactive');
  t.is((await api.call('GET', '/v1.41/info')).json.ID, json.ID);
  t.false('BridgeNfIptables' in (await api.call('GET', '/v1.50/info')).json);
});

test('the disk usage is lists until 1.51, both in 1.52, and sums since 1.53', async (t) => {
  await using api = await openCheckedApi();
  await api.engine.volumes.create('data');
  const { id } = await api.engine.containers.create(api.image, { argv: ['true'], network: 'none' });
  const old = (await api.call('GET', '/v1.41/system/df')).json;
  t.is(old.Volumes[0].UsageData.RefCount, 0);
  t.is(old.Containers[0].Id, id);
  t.deepEqual([old.Images, old.BuildCache, old.BuilderSize], [[], [], 0]);
  const some = (await api.call('GET', '/v1.42/system/df?type=volume')).json;
  t.deepEqual(Object.keys(some), ['Volumes']);
  const both = (await api.call('GET', '/v1.52/system/df')).json;
  t.is(both.Volumes.length, 1);
  t.like(both.VolumeUsage, { TotalCount: 1, ActiveCount: 0 });
  const sums = (await api.call('GET', '/v1.53/system/df?verbose=1')).json;
  t.false('Volumes' in sums);
  t.is(sums.ContainerUsage.Items[0].Id, id);
  t.is((await api.call('GET', '/system/df?type=everything')).status, 400);
});

test('what happened is told of by filters, and ends with its time', async (t) => {
  await using api = await openCheckedApi();
  const since = parseTimestamp('0s');
  await api.engine.volumes.create('one', { labels: { a: 'b' } });
  await api.engine.volumes.create('two');
  const read = async (filters: object, version = '1.41') => {
    const parameters = query({ since, until: parseTimestamp('0s'), filters: JSON.stringify(filters) });
    const { text } = await api.call('GET', `/v${version}/events?${parameters}`);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  };
  const all = await read({});
  t.deepEqual(
    all.map(({ Type, Action, Actor }) => [Type, Action, Actor.ID]),
    [
      ['volume', 'create', 'one'],
      ['volume', 'create', 'two'],
    ],
  );
  t.is(all[0].Actor.Attributes.driver, 'local');
  t.is(all[0].scope, 'local');
  t.is((await read({ volume: ['two'] })).length, 1);
  t.is((await read({ event: ['destroy'] })).length, 0);
  t.is((await read({ type: ['container'] })).length, 0);
  t.is((await read({ daemon: ['x'] })).length, 0);
  t.is((await read({ scope: ['swarm'] })).length, 0);
  const wrong = await api.call('GET', `/events?${query({ since: '20', until: '10' })}`);
  t.is(wrong.json.message, '`since` time (20) cannot be after `until` time (10)');
});

test('nothing is lost between what happened and what follows', async (t) => {
  await using api = await openCheckedApi();
  const since = parseTimestamp('0s');
  const names = Array.from({ length: 60 }, (_, at) => `volume${String(at).padStart(2, '0')}`);
  const making = (async () => {
    for (const name of names) await api.engine.volumes.create(name);
  })();
  await delay(5);
  const seen = await follow(api, `/events?${query({ since })}`, names.length);
  await making;
  t.deepEqual(seen.toSorted(), names);
});

test('the head of followed events is there before anything happens', async (t) => {
  await using api = await openCheckedApi();
  const following = follow(api, '/events', 1, async () => {
    await api.engine.volumes.create('after');
  });
  t.deepEqual(await following, ['after']);
});

test('whoever follows events is counted, and forgotten when he goes', async (t) => {
  await using api = await openCheckedApi();
  const listeners = async () => (await api.call('GET', '/v1.41/info')).json.NEventsListener;
  const outgoing = request({ socketPath: api.socketPath, path: '/events', agent: false });
  const [response] = (await once(outgoing.end(), 'response')) as [IncomingMessage];
  t.is(await listeners(), 1);
  response.on('error', () => undefined);
  outgoing.destroy();
  while ((await listeners()) > 0) await delay(10);
  t.is(await listeners(), 0);
});

test('events of later versions are lines of JSON by name, or by RFC 7464', async (t) => {
  await using api = await openCheckedApi();
  const since = parseTimestamp('0s');
  await api.engine.volumes.create('one');
  const read = (version: string, accept: string) => {
    const parameters = query({ since, until: parseTimestamp('0s') });
    return api.call('GET', `/v${version}/events?${parameters}`, undefined, { accept });
  };
  t.is((await read('1.51', 'application/x-ndjson')).headers['content-type'], 'application/json');
  t.is((await read('1.52', 'application/x-ndjson')).headers['content-type'], 'application/x-ndjson');
  const records = await read('1.52', 'application/json-seq, */*');
  t.is(records.headers['content-type'], 'application/json-seq');
  t.is(records.text.charCodeAt(0), 0x1e);
});

test('an event has its time in nanoseconds, and until 1.51 the fields of old', (t) => {
  const event = {
    time: '2026-01-31T12:00:00.123456789Z',
    type: 'container',
    action: 'start',
    id: 'abc',
    attributes: { image: 'debian', name: 'web' },
  } as const;
  const old = eventLine(event, 41);
  t.regex(old, /"timeNano":1769860800123456789}$/);
  t.like(JSON.parse(old), {
    status: 'start',
    id: 'abc',
    from: 'debian',
    Type: 'container',
    time: 1769860800,
  });
  t.false('status' in JSON.parse(eventLine(event, 52)));
  const image = { ...event, type: 'image', id: 'docker.io/library/debian:12', attributes: {} } as const;
  t.like(JSON.parse(eventLine(image, 41)).Actor, { ID: 'debian:12', Attributes: { name: 'debian:12' } });
});

test("times are read as docker's parameters have them", (t) => {
  t.is(parseTimestamp('1769860800.5'), '2026-01-31T12:00:00.500000000Z');
  t.is(parseTimestamp('1769860800.123456789'), '2026-01-31T12:00:00.123456789Z');
  t.is(parseTimestamp('2026-01-31T13:00:00.25+01:00'), '2026-01-31T12:00:00.250000000Z');
  t.is(parseTimestamp('1h30m', Date.parse('2026-01-31T12:00:00.250Z')), '2026-01-31T10:30:00.250000000Z');
  t.throws(() => parseTimestamp('yesterday'), { message: /invalid time "yesterday"/ });
});

test('a node that is no manager answers so, and there are no plugins and no builds', async (t) => {
  await using api = await openCheckedApi();
  for (const [method, path] of [
    ['GET', '/swarm'],
    ['GET', '/nodes'],
    ['GET', '/services/x'],
    ['POST', '/services/create'],
    ['GET', '/tasks'],
    ['GET', '/secrets'],
    ['POST', '/configs/create'],
    ['DELETE', '/configs/x'],
  ] as const) {
    const { status, json } = await api.call(method, path);
    t.is(status, 503, path);
    t.regex(json.message, /^This node is not a swarm manager\./);
  }
  t.is((await api.call('POST', '/swarm/leave')).json.message, 'This node is not part of a swarm');
  t.deepEqual((await api.call('GET', '/plugins')).json, []);
  t.is((await api.call('GET', '/plugins/a/b:c/json')).json.message, 'plugin "a/b:c" not found');
  t.deepEqual((await api.call('POST', '/build/prune')).json, { CachesDeleted: null, SpaceReclaimed: 0 });
  t.regex((await api.call('POST', '/build', 'tar')).json.message, /does not build images yet/);
});

/** The names of the actors of so many events, as they come; `onHead` is called when the answer has begun. */
function follow(
  { socketPath }: EngineApiFixture,
  path: string,
  count: number,
  onHead: () => Promise<void> = async () => undefined,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, agent: false }, (response) => {
      let text = '';
      onHead().catch(reject);
      response.on('data', (piece: Buffer) => {
        text += piece;
        const lines = text.split('\n').slice(0, -1);
        if (lines.length < count) return;
        outgoing.destroy();
        resolve(lines.map((line) => JSON.parse(line).Actor.ID));
      });
    });
    outgoing.on('error', reject).end();
  });
}
