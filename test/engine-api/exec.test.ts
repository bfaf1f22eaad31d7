import anyTest, { type TestFn } from 'ava';
import { type EngineApiFixture, openEngineApiFixture } from './engine-api-fixture.ts';
import { rawRequest, requestText, unframed, upgradeHeaders } from './raw-connection.ts';

const test = anyTest as TestFn<EngineApiFixture & { id: string }>;

test.beforeEach(async (t) => {
  const fixture = await openEngineApiFixture();
  const spec = { Image: fixture.image, Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } };
  const { Id } = (await fixture.call('POST', '/containers/create?name=busy', spec)).json;
  await fixture.call('POST', `/containers/${Id}/start`);
  t.context = { ...fixture, id: Id };
});
test.afterEach.always((t) => t.context[Symbol.asyncDispose]());

const plan = async ({ call, id }: EngineApiFixture & { id: string }, body: object): Promise<string> =>
  (await call('POST', `/containers/${id}/exec`, { AttachStdout: true, AttachStderr: true, ...body })).json.Id;

test('an exec is known before it starts, runs, and has an exit code afterwards', async (t) => {
  const { call, id } = t.context;
  const exec = await plan(t.context, {
    Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 3'],
    Env: ['A=b'],
    User: '0',
  });
  t.like((await call('GET', `/exec/${exec}/json`)).json, {
    ID: exec,
    ContainerID: id,
    Running: false,
    ExitCode: null,
    Pid: 0,
    ProcessConfig: {
      entrypoint: 'sh',
      arguments: ['-c', 'echo out; echo err >&2; exit 3'],
      tty: false,
      user: '0',
    },
  });
  const started = await call('POST', `/exec/${exec}/start`, { Detach: false, Tty: false });
  t.is(started.status, 200);
  t.like((await call('GET', `/exec/${exec}/json`)).json, { Running: false, ExitCode: 3 });
  const again = await call('POST', `/exec/${exec}/start`, {});
  t.is(again.status, 409);
});

test('a client that upgrades sends stdin right behind the options, and gets all to the last byte', async (t) => {
  const exec = await plan(t.context, { Cmd: ['sh', '-c', 'cat; echo done >&2'], AttachStdin: true });
  const body = '{"Detach":false,"Tty":false}';
  const headers = {
    ...upgradeHeaders,
    'content-type': 'application/json',
    'content-length': String(body.length),
  };
  const stream = await rawRequest(
    t.context.socketPath,
    `${requestText('POST', `/v1.41/exec/${exec}/start`, headers, body)}one `,
  );
  t.is(stream.status, 'HTTP/1.1 101 UPGRADED');
  stream.socket.end('two\n');
  t.deepEqual(unframed(await stream.rest()), { stdout: 'one two\n', stderr: 'done\n' });
  stream.socket.destroy();
});

test('options that come as one chunk of a body that never ends are read, and bare bytes follow', async (t) => {
  const exec = await plan(t.context, { Cmd: ['cat'], AttachStdin: true });
  const body = '{"hijack":true,"stdin":true}';
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
  const headers = { ...upgradeHeaders, 'transfer-encoding': 'chunked' };
  const stream = await rawRequest(
    t.context.socketPath,
    requestText('POST', `/exec/${exec}/start`, headers, chunk),
  );
  t.is(stream.status, 'HTTP/1.1 101 UPGRADED');
  stream.socket.end('bare\n');
  t.is(unframed(await stream.rest()).stdout, 'bare\n');
  stream.socket.destroy();
});

test('without an upgrade the chunks behind the options are stdin', async (t) => {
  const exec = await plan(t.context, { Cmd: ['cat'], AttachStdin: true });
  const stream = await rawRequest(
    t.context.socketPath,
    requestText('POST', `/exec/${exec}/start`, { 'transfer-encoding': 'chunked' }, '2\r\n{}\r\n'),
  );
  t.is(stream.status, 'HTTP/1.1 200 OK');
  stream.socket.write('5\r\nhello\r\n');
  await stream.until((bytes) => bytes.includes('hello'));
  stream.socket.write('1\r\n\n\r\n0\r\n\r\n');
  t.is(unframed(await stream.rest()).stdout, 'hello\n');
  stream.socket.destroy();
});

test('without an upgrade, bare bytes behind options of a known length are stdin too', async (t) => {
  const exec = await plan(t.context, { Cmd: ['cat'], AttachStdin: true });
  const headers = { 'content-type': 'application/json', 'content-length': '2' };
  const stream = await rawRequest(
    t.context.socketPath,
    requestText('POST', `/exec/${exec}/start`, headers, '{}'),
  );
  t.is(stream.status, 'HTTP/1.1 200 OK');
  stream.socket.write('GET it\n');
  await stream.until((bytes) => bytes.includes('it\n'));
  stream.socket.end('POST more\n');
  t.is(unframed(await stream.rest()).stdout, 'GET it\nPOST more\n');
  stream.socket.destroy();
});

test('a command that is not there is told of in the stream, and ends with 127', async (t) => {
  const { call } = t.context;
  const exec = await plan(t.context, { Cmd: ['no-such-command'] });
  const stream = await rawRequest(
    t.context.socketPath,
    requestText('POST', `/exec/${exec}/start`, { ...upgradeHeaders, 'content-length': '2' }, '{}'),
  );
  t.regex(unframed(await stream.rest()).stdout, /executable file not found in \$PATH/);
  stream.socket.destroy();
  t.like((await call('GET', `/exec/${exec}/json`)).json, { Running: false, ExitCode: 127 });
});

test('a detached exec answers at once and goes on', async (t) => {
  const { call } = t.context;
  const exec = await plan(t.context, { Cmd: ['sleep', '1000'] });
  t.is((await call('POST', `/exec/${exec}/start`, { Detach: true })).status, 200);
  t.like((await call('GET', `/exec/${exec}/json`)).json, { Running: true, ExitCode: null });
});

test('a terminal begins with the size that it is given, and takes others', async (t) => {
  const { call, socketPath } = t.context;
  const exec = await plan(t.context, {
    Cmd: ['sh', '-c', 'echo up; read x; echo over'],
    Tty: true,
    AttachStdin: true,
  });
  const body = '{"Tty":true,"ConsoleSize":[30,90]}';
  const headers = { ...upgradeHeaders, 'content-length': String(body.length) };
  const stream = await rawRequest(socketPath, requestText('POST', `/exec/${exec}/start`, headers, body));
  await stream.until((bytes) => bytes.includes('up\r\n'));
  t.is((await call('POST', `/exec/${exec}/resize?h=50&w=100`)).status, 200);
  stream.socket.write('\r');
  t.regex((await stream.rest()).toString(), /over\r\n$/);
  stream.socket.destroy();
});

test('what is not there or does not run is said with a status', async (t) => {
  const { call, id } = t.context;
  const unknown = await call('POST', '/exec/0123456789abcdef/start', {});
  t.is(unknown.status, 404);
  t.regex(unknown.json.message, /No such exec instance/);
  t.is((await call('POST', `/containers/${id}/exec`, { Cmd: [] })).status, 400);
  t.is((await call('POST', '/containers/nobody/exec', { Cmd: ['true'] })).status, 404);
  await call('POST', `/containers/${id}/kill`);
  await call('POST', `/containers/${id}/wait`);
  const stopped = await call('POST', `/containers/${id}/exec`, { Cmd: ['true'] });
  t.is(stopped.status, 409);
  t.regex(stopped.json.message, /is not running/);
});
