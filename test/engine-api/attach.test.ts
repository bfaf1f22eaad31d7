import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { openEngineApiFixture } from './engine-api-fixture.ts';
import { rawRequest, requestText, unframed, upgradeHeaders } from './raw-connection.ts';

const quiet = { HostConfig: { NetworkMode: 'none' } };
const attachPath = (id: string, more = '') =>
  `/v1.41/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1${more}`;

test('who attaches before the start hears from the first byte to the last, and the end of what he sends is the end of stdin', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const spec = {
    Image: image,
    Cmd: ['sh', '-c', 'echo first; cat; echo last >&2'],
    OpenStdin: true,
    StdinOnce: true,
  };
  const { Id } = (await call('POST', '/containers/create', { ...spec, ...quiet })).json;
  const attached = await rawRequest(
    socketPath,
    `${requestText('POST', attachPath(Id), { ...upgradeHeaders, 'content-length': '0' })}early `,
  );
  t.is(attached.status, 'HTTP/1.1 101 UPGRADED');
  t.regex(attached.head, /Content-Type: application\/vnd\.docker\.raw-stream/);
  t.is((await call('POST', `/containers/${Id}/start`)).status, 204);
  attached.socket.end('and late\n');
  t.deepEqual(unframed(await attached.rest()), { stdout: 'first\nearly and late\n', stderr: 'last\n' });
  attached.socket.destroy();
  t.is((await call('POST', `/containers/${Id}/wait`)).json.StatusCode, 0);
});

test('the framed stream has its own name since 1.42', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const { Id } = (await call('POST', '/containers/create', { Image: image, Cmd: ['true'], ...quiet })).json;
  const path = attachPath(Id).replace('v1.41', 'v1.44');
  const attached = await rawRequest(socketPath, requestText('POST', path, upgradeHeaders));
  t.regex(attached.head, /multiplexed-stream/);
  await call('POST', `/containers/${Id}/start`);
  t.is((await attached.rest()).length, 0);
  attached.socket.destroy();
});

test('without an upgrade the answer is 200, and the chunks of the request are stdin', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const spec = { Image: image, Cmd: ['cat'], OpenStdin: true, StdinOnce: true, ...quiet };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  const attached = await rawRequest(
    socketPath,
    requestText('POST', attachPath(Id), { 'transfer-encoding': 'chunked' }, '3\r\nabc\r\n'),
  );
  t.is(attached.status, 'HTTP/1.1 200 OK');
  await call('POST', `/containers/${Id}/start`);
  await attached.until((bytes) => bytes.includes('abc'));
  attached.socket.write('4\r\ndef\n\r\n0\r\n\r\n');
  t.is(unframed(await attached.rest()).stdout, 'abcdef\n');
  attached.socket.destroy();
});

test('several clients hear the same, and one that leaves disturbs no other', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const spec = { Image: image, Cmd: ['sh', '-c', 'echo one; read x; echo two'], OpenStdin: true, ...quiet };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  const attach = () => rawRequest(socketPath, requestText('POST', attachPath(Id), upgradeHeaders));
  const [first, second, leaver] = [await attach(), await attach(), await attach()];
  await call('POST', `/containers/${Id}/start`);
  await leaver.until((bytes) => bytes.includes('one'));
  leaver.socket.destroy();
  first.socket.write('go\n');
  for (const { rest, socket } of [first, second]) {
    t.is(unframed(await rest()).stdout, 'one\ntwo\n');
    socket.destroy();
  }
});

test('a terminal is bare, has the size it is given, and the keys to detach leave it alone', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const spec = {
    Image: image,
    Cmd: ['sh', '-c', 'echo ready; read x; sleep 100'],
    Tty: true,
    OpenStdin: true,
    ...quiet,
  };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  const attached = await rawRequest(
    socketPath,
    requestText('POST', attachPath(Id, '&detachKeys=ctrl-a,d'), upgradeHeaders),
  );
  await call('POST', `/containers/${Id}/start`);
  await attached.until((bytes) => bytes.includes('ready\r\n'));
  t.is((await call('POST', `/containers/${Id}/resize?h=40&w=120`)).status, 200);
  attached.socket.write('\u0001');
  attached.socket.write('d');
  t.is((await attached.rest()).subarray(0, 7).toString(), 'ready\r\n');
  attached.socket.destroy();
  t.true((await call('GET', `/containers/${Id}/json`)).json.State.Running);
  const wrong = await call('POST', attachPath(Id, '&detachKeys=ctrl-_x'));
  t.is(wrong.status, 400);
  t.regex(wrong.json.message, /^Invalid detach keys/);
});

test('output waits for a client that does not read, and then all of it is there', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const size = 48 * 1024 * 1024;
  const spec = { Image: image, Cmd: ['sh', '-c', `yes 0123456789abcde | head -c ${size}`], ...quiet };
  const { Id } = (
    await call('POST', '/containers/create', {
      ...spec,
      HostConfig: { ...quiet.HostConfig, LogConfig: { Type: 'none' } },
    })
  ).json;
  const attached = await rawRequest(socketPath, requestText('POST', attachPath(Id), upgradeHeaders));
  attached.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  await call('POST', `/containers/${Id}/start`);
  for (let round = 0; round < 50; round++) await call('GET', '/_ping'); // time for what is not held back
  t.true((await call('GET', `/containers/${Id}/json`)).json.State.Running);
  t.true(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  let bytes = 0;
  attached.socket.removeAllListeners('data');
  attached.socket.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  attached.socket.resume();
  await attached.rest();
  attached.socket.destroy();
  t.true(bytes > size); // with the frames' heads
  t.is((await call('POST', `/containers/${Id}/wait`)).json.StatusCode, 0);
});

test('a container that another program starts is heard too', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath, engine } = fixture;
  const spec = {
    Image: image,
    Cmd: ['sh', '-c', 'read x; echo heard'],
    OpenStdin: true,
    StdinOnce: false,
    ...quiet,
  };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  const attached = await rawRequest(socketPath, requestText('POST', attachPath(Id), upgradeHeaders));
  await engine.containers.start(Id);
  attached.socket.write('go\n');
  t.is(unframed(await attached.rest()).stdout, 'heard\n');
  attached.socket.destroy();
});

test('logs=1 shows what was written before', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const spec = { Image: image, Cmd: ['sh', '-c', 'echo before'], ...quiet };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  await call('POST', `/containers/${Id}/start`);
  await call('POST', `/containers/${Id}/wait`);
  const path = `/containers/${Id}/attach?logs=1&stdout=1`;
  const attached = await rawRequest(socketPath, requestText('POST', path, upgradeHeaders));
  t.is(unframed(await attached.rest()).stdout, 'before\n');
  attached.socket.destroy();
});

test('a websocket carries bytes both ways', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const spec = { Image: image, Cmd: ['sh', '-c', 'read x; echo "got $x"'], OpenStdin: true, ...quiet };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  const attached = await rawRequest(
    socketPath,
    requestText('GET', `/containers/${Id}/attach/ws?stream=1&stdin=1&stdout=1`, {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      origin: 'http://docker',
    }),
  );
  t.regex(attached.head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/); // RFC 6455's own example
  await call('POST', `/containers/${Id}/start`);
  attached.socket.write(maskedFrame(Buffer.from('hello\n')));
  const bytes = await attached.rest();
  t.deepEqual(bytes.subarray(0, 12), Buffer.concat([Buffer.from([0x82, 10]), Buffer.from('got hello\n')]));
  t.is(bytes[12], 0x88); // and a close
  attached.socket.destroy();
});

test('what cannot be attached to is said with a status', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const none = await rawRequest(socketPath, requestText('POST', attachPath('nobody'), upgradeHeaders));
  t.is(none.status, 'HTTP/1.1 404 Not Found');
  t.regex((await none.rest()).toString(), /No such container: nobody/);
  none.socket.destroy();
  const { Id } = (await call('POST', '/containers/create', { Image: image, Cmd: ['sleep', '100'], ...quiet }))
    .json;
  await call('POST', `/containers/${Id}/start`);
  await call('POST', `/containers/${Id}/pause`);
  t.is((await call('POST', attachPath(Id))).status, 409);
  t.is((await call('POST', `/containers/${Id}/attach`)).status, 400);
});

function maskedFrame(payload: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x82, 0x80 | payload.length]), mask, masked]);
}

test('a terminal begins with the size of its creator', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  await symlink('busybox', join(image.slice(1), 'bin/stty'));
  const spec = { Image: image, Cmd: ['stty', 'size'], Tty: true };
  const body = { ...spec, HostConfig: { NetworkMode: 'none', ConsoleSize: [31, 97] } };
  const { Id } = (await call('POST', '/containers/create', body)).json;
  const attached = await rawRequest(socketPath, requestText('POST', attachPath(Id), upgradeHeaders));
  await call('POST', `/containers/${Id}/start`);
  t.is((await attached.rest()).toString(), '31 97\r\n');
  attached.socket.destroy();
});
