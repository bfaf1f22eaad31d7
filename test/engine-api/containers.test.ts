import { execFileSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { type EngineApiFixture, openEngineApiFixture } from './engine-api-fixture.ts';
import { rawRequest, requestText, unframed } from './raw-connection.ts';

async function create(
  { call, image }: EngineApiFixture,
  cmd: readonly string[],
  more: Record<string, unknown> = {},
  name = '',
): Promise<string> {
  const { HostConfig = {}, ...config } = more as { HostConfig?: object };
  const body = { Image: image, Cmd: cmd, ...config, HostConfig: { NetworkMode: 'none', ...HostConfig } };
  const answer = await call('POST', `/containers/create${name && `?name=${name}`}`, body);
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.json.Id;
}

test('a container is made, started, listed, stopped and removed with the statuses that clients rely on', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call } = fixture;
  const id = await create(fixture, ['sleep', '1000'], { Labels: { a: 'b' } }, 'worker');
  const status = async (method: string, path: string) => (await call(method, `/containers/${path}`)).status;
  t.deepEqual((await call('GET', '/containers/json')).json, []);
  t.is(await status('POST', 'worker/stop'), 304);
  t.is(await status('POST', 'worker/kill'), 409);
  t.is(await status('POST', 'worker/start'), 204);
  t.is(await status('POST', 'worker/start'), 304);
  const [line] = (await call('GET', '/containers/json')).json;
  t.like(line, { Id: id, Names: ['/worker'], State: 'running', Labels: { a: 'b' }, Command: 'sleep 1000' });
  t.regex(line.Status, /^Up /);
  t.is(await status('DELETE', 'worker'), 409);
  t.is(await status('POST', 'worker/pause'), 204);
  t.is(await status('POST', 'worker/pause'), 409);
  t.is(await status('POST', 'worker/start'), 409);
  t.is(await status('POST', 'worker/unpause'), 204);
  t.is(await status('POST', 'worker/rename?name=renamed'), 204);
  t.is(await status('POST', 'renamed/restart?t=0'), 204);
  t.is(await status('POST', 'renamed/stop?t=0'), 204);
  t.is(await status('POST', 'renamed/stop'), 304);
  t.is(await status('DELETE', 'renamed?v=1&force=1'), 204);
  t.is(await status('DELETE', 'renamed?v=1&force=1'), 404);
  t.deepEqual(await fixture.leftovers(), []);
});

test('errors have the words that clients look for', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call } = fixture;
  await create(fixture, ['true'], {}, 'taken');
  const again = await call('POST', '/containers/create?name=taken', { Image: fixture.image, Cmd: ['true'] });
  t.is(again.status, 409);
  t.regex(
    again.json.message,
    /^Conflict\. The container name "\/taken" is already in use by container "[0-9a-f]{64}"/,
  );
  const absent = await call('POST', '/containers/create', { Image: 'nowhere/nothing:1' });
  t.is(absent.status, 404);
  t.regex(absent.json.message, /no such image/i);
  t.deepEqual((await call('GET', '/containers/nobody/json')).json, { message: 'No such container: nobody' });
  const wrong = await call('POST', '/containers/create', {
    Image: fixture.image,
    HostConfig: { Memory: 'much' },
  });
  t.is(wrong.status, 400);
  t.regex(wrong.json.message, /cannot unmarshal string into field HostConfig\.Memory/);
});

test('inspect shows what was asked for', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, directory } = fixture;
  const asked = {
    Hostname: 'named',
    Env: ['A=1', 'B=two words'],
    WorkingDir: '/tmp',
    User: '1000:1000',
    Labels: { role: 'test' },
    ExposedPorts: { '80/tcp': {} },
    StopSignal: 'SIGINT',
    Healthcheck: { Test: ['CMD', 'true'], Interval: 2e9, Retries: 5 },
    HostConfig: {
      Binds: [`${directory}:/from:ro`],
      Mounts: [{ Type: 'volume', Source: 'kept', Target: '/kept', VolumeOptions: { Labels: { x: 'y' } } }],
      Tmpfs: { '/run': 'size=1048576,mode=755' },
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 4 },
      Memory: 64 * 2 ** 20,
      NanoCpus: 5e8,
      PidsLimit: 50,
      CapAdd: ['NET_ADMIN'],
      ExtraHosts: ['db:10.0.0.1'],
      Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
      Sysctls: { 'net.ipv4.ip_forward': '1' },
      SecurityOpt: ['no-new-privileges'],
      ShmSize: 2 ** 20,
      GroupAdd: ['5'],
      Init: false,
    },
  };
  const id = await create(fixture, ['sleep', '1'], asked);
  const found = (await call('GET', `/containers/${id}/json`)).json;
  t.like(found, {
    Id: id,
    Path: 'sleep',
    Args: ['1'],
    State: { Status: 'created', Running: false, ExitCode: 0, StartedAt: '0001-01-01T00:00:00Z' },
    Config: {
      Hostname: 'named',
      WorkingDir: '/tmp',
      User: '1000:1000',
      Cmd: ['sleep', '1'],
      StopSignal: 'SIGINT',
    },
  });
  t.true(found.Config.Env.includes('B=two words'));
  t.is(
    found.Config.Env.find((one: string) => one.startsWith('HOSTNAME=')),
    undefined,
  );
  t.deepEqual(found.Config.ExposedPorts, { '80/tcp': {} });
  t.deepEqual(found.Config.Healthcheck, { Test: ['CMD', 'true'], Interval: 2e9, Retries: 5 });
  const host = found.HostConfig;
  t.deepEqual(host.Binds, [`${directory}:/from:ro`]);
  t.like(host.Mounts[0], { Type: 'volume', Source: 'kept', Target: '/kept' });
  t.deepEqual(host.Tmpfs, { '/run': 'size=1048576,mode=755' });
  t.like(host, {
    NetworkMode: 'none',
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 4 },
    Memory: 64 * 2 ** 20,
    NanoCpus: 5e8,
    PidsLimit: 50,
    ReadonlyRootfs: true,
    ShmSize: 2 ** 20,
    Sysctls: { 'net.ipv4.ip_forward': '1' },
  });
  t.deepEqual(host.Ulimits, [{ Name: 'nofile', Soft: 100, Hard: 200 }]);
  t.deepEqual(host.ExtraHosts, ['db:10.0.0.1']);
  t.deepEqual(host.SecurityOpt, ['no-new-privileges']);
  t.deepEqual(host.GroupAdd, ['5']);
  await call('DELETE', `/containers/${id}?v=1`);
  await fixture.engine.volumes.remove('kept');
});

test('what is not available is refused by its name, and what is nothing is let through', async (t) => {
  await using fixture = await openEngineApiFixture();
  const refusal = async (HostConfig: object) => {
    const { status, json } = await fixture.call('POST', '/containers/create', {
      Image: fixture.image,
      Cmd: ['true'],
      HostConfig: { NetworkMode: 'none', ...HostConfig },
    });
    return status === 201 ? 'made' : `${status} ${json.message}`;
  };
  t.regex(await refusal({ Runtime: 'kata' }), /^400 unknown or invalid runtime name: kata/);
  t.regex(await refusal({ KernelMemory: 5 }), /^400 HostConfig\.KernelMemory is not available/);
  t.regex(
    await refusal({ DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] }),
    /^400 could not select device driver "" with capabilities: \[\["gpu"\]\]/,
  );
  t.regex(await refusal({ Tomorrow: { a: 1 } }), /^400 HostConfig: the field tomorrow is not known/);
  t.is(
    await refusal({ KernelMemory: 0, Runtime: 'runc', Isolation: '', Tomorrow: null, DeviceRequests: [] }),
    'made',
  );
});

test('lists are narrowed by filters', async (t) => {
  await using fixture = await openEngineApiFixture();
  const first = await create(fixture, ['true'], { Labels: { a: '1', b: '' } }, 'first');
  const second = await create(fixture, ['sleep', '100'], { Labels: { a: '2' } }, 'second');
  await fixture.call('POST', `/containers/${second}/start`);
  const ids = async (filters: object, more = '') => {
    const query = encodeURIComponent(JSON.stringify(filters));
    const { json } = await fixture.call('GET', `/containers/json?all=1&filters=${query}${more}`);
    return json.map?.(({ Id }: { Id: string }) => Id) ?? json.message;
  };
  t.deepEqual(await ids({ label: ['a=1', 'b'] }), [first]);
  t.deepEqual(await ids({ label: { 'a=2': true } }), [second]);
  t.deepEqual(await ids({ status: ['running'] }), [second]);
  t.deepEqual(await ids({ name: ['^/first$'] }), [first]);
  t.deepEqual(await ids({ id: [second.slice(0, 12)] }), [second]);
  t.deepEqual(await ids({ since: ['first'] }), [second]);
  t.deepEqual(await ids({ ancestor: [fixture.image] }), [second, first]);
  t.deepEqual(await ids({}, '&limit=1'), [second]);
  t.regex(await ids({ colour: ['red'] }), /invalid filter 'colour'/);
  t.regex(await ids({ status: ['busy'] }), /invalid filter 'status=busy'/);
});

test('a wait answers its head before the container starts', async (t) => {
  await using fixture = await openEngineApiFixture();
  const id = await create(fixture, ['sh', '-c', 'exit 5'], { HostConfig: { AutoRemove: true } });
  const waits = await Promise.all(
    ['next-exit', 'removed'].map((condition) =>
      rawRequest(
        fixture.socketPath,
        requestText('POST', `/containers/${id}/wait?condition=${condition}`, { connection: 'close' }),
      ),
    ),
  );
  for (const { status } of waits) t.is(status, 'HTTP/1.1 200 OK');
  await fixture.call('POST', `/containers/${id}/start`);
  for (const { rest, socket } of waits) {
    t.regex((await rest()).toString(), /\{"StatusCode":5\}/);
    socket.destroy();
  }
  t.is((await fixture.call('GET', `/containers/${id}/json`)).status, 404);
  t.is((await fixture.call('POST', `/containers/${id}/wait?condition=never`)).status, 400);
});

test('logs are framed, and cut by tail, time and stream', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, socketPath } = fixture;
  const id = await create(fixture, ['sh', '-c', 'echo one; echo bad >&2; echo three; read x; echo four'], {
    OpenStdin: true,
  });
  const logs = async (query: string) => {
    const headers = { connection: 'close' };
    const stream = await rawRequest(
      socketPath,
      requestText('GET', `/containers/${id}/logs?${query}`, headers),
    );
    const bytes = dechunked(await stream.rest());
    stream.socket.destroy();
    return unframed(bytes);
  };
  t.is((await call('GET', `/containers/${id}/logs`)).status, 400);
  await call('POST', `/containers/${id}/start`);
  while ((await logs('stdout=1')).stdout !== 'one\nthree\n'); // until it has been written
  t.deepEqual(await logs('stdout=1&stderr=1'), { stdout: 'one\nthree\n', stderr: 'bad\n' });
  const last = await logs('stdout=1&stderr=1&tail=1&since=0'); // of two pipes, in whatever order they were read
  t.is(`${last.stdout}${last.stderr}`.match(/\n/g)?.length, 1);
  t.deepEqual(await logs('stdout=1&tail=-1'), { stdout: 'one\nthree\n', stderr: '' });
  t.regex((await logs('stdout=1&timestamps=1')).stdout, /\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z three\n$/);
  t.is((await logs(`stdout=1&since=${Math.floor(Date.now() / 1000) + 100}`)).stdout, '');
  t.is((await logs('stdout=1&until=1')).stdout, '');
  const followed = logs('stdout=1&follow=1');
  await call('POST', `/containers/${id}/kill`);
  t.is((await followed).stdout, 'one\nthree\n'); // ends with the container
});

test('files go in and out, with what a path is in a header', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call } = fixture;
  const id = await create(fixture, ['sleep', '100']);
  const folder = await mkdtemp(join(fixture.directory, 'tar-'));
  await writeFile(join(folder, 'file'), 'content');
  const tar = execFileSync('tar', ['-C', folder, '--owner=0', '--group=0', '-c', 'file']);
  const archive = (path: string) => `/containers/${id}/archive?path=${encodeURIComponent(path)}`;
  t.is((await call('PUT', archive('/tmp'), tar)).status, 200);
  t.is((await call('PUT', archive('/etc'), gzipSync(tar))).status, 200);
  t.is((await call('PUT', archive('/nowhere'), tar)).status, 404);
  t.is((await call('PUT', archive('/tmp/file'), tar)).status, 400);
  t.is((await call('PUT', archive('/tmp'), Buffer.from('BZh9garbage'))).status, 400);
  const stat = (answer: Awaited<ReturnType<typeof call>>) =>
    JSON.parse(Buffer.from(String(answer.headers['x-docker-container-path-stat']), 'base64').toString());
  const head = await call('HEAD', archive('/tmp/file'));
  t.like(stat(head), { name: 'file', size: 7, linkTarget: '' });
  t.is(stat(await call('HEAD', archive('/tmp'))).mode, 2 ** 31 + 0o755);
  t.is(stat(await call('HEAD', archive('/bin/sh'))).linkTarget, 'busybox');
  const got = await call('GET', archive('/etc/file'));
  t.is(got.headers['content-type'], 'application/x-tar');
  t.true(got.text.includes('content'));
  const missing = await call('HEAD', archive('/none'));
  t.is(missing.status, 404);
  t.regex(
    (await call('GET', archive('/none'))).json.message,
    /^Could not find the file \/none in container /,
  );
  const changes = (await call('GET', `/containers/${id}/changes`)).json;
  t.true(
    changes.some(({ Path, Kind }: { Path: string; Kind: number }) => Path === '/tmp/file' && Kind === 1),
  );
  t.true((await call('GET', `/containers/${id}/export`)).text.includes('tmp/file'));
});

test('processes, stats and limits of a running container', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call } = fixture;
  const id = await create(fixture, ['sleep', '100'], { HostConfig: { Memory: 64 * 2 ** 20 } });
  const still = await call('GET', `/containers/${id}/stats?stream=0`);
  t.is(still.json.read, '0001-01-01T00:00:00Z');
  t.is((await call('GET', `/containers/${id}/top`)).status, 409);
  await call('POST', `/containers/${id}/start`);
  const { Titles, Processes } = (await call('GET', `/containers/${id}/top?ps_args=-o%20pid,args`)).json;
  t.deepEqual(Titles, ['PID', 'COMMAND']);
  t.is(Processes[0][1], 'sleep 100');
  const stats = (await call('GET', `/containers/${id}/stats?stream=0&one-shot=1`)).json;
  t.is(stats.memory_stats.limit, 64 * 2 ** 20);
  t.true(stats.cpu_stats.system_cpu_usage > 0);
  t.is(stats.pids_stats.current, 1);
  const updated = await call('POST', `/containers/${id}/update`, {
    Memory: 32 * 2 ** 20,
    MemorySwap: 64 * 2 ** 20,
  });
  t.is(updated.status, 200);
  t.is((await call('GET', `/containers/${id}/json`)).json.HostConfig.Memory, 32 * 2 ** 20);
});

test('prune removes those that do not run and that the filters name', async (t) => {
  await using fixture = await openEngineApiFixture();
  const gone = await create(fixture, ['true'], { Labels: { old: '' } });
  const kept = await create(fixture, ['true']);
  const filters = encodeURIComponent(JSON.stringify({ label: ['old'] }));
  t.deepEqual((await fixture.call('POST', `/containers/prune?filters=${filters}`)).json.ContainersDeleted, [
    gone,
  ]);
  t.is((await fixture.call('GET', `/containers/${kept}/json`)).status, 200);
});

function dechunked(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, end), 16);
    if (!(size > 0)) return Buffer.concat(pieces);
    pieces.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
