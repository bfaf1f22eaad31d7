import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { openEngineApiFixture } from './engine-api-fixture.ts';
import { rawRequest, requestText, upgradeHeaders } from './raw-connection.ts';

const quiet = { HostConfig: { NetworkMode: 'none' } };
const attachPath = (id: string) => `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`;

/** Connections of this process by unix sockets, at both ends. */
const connections = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;

/** Resolves when there are no more than that; rejects when some stay. */
async function untilNoMoreThan(count: number): Promise<void> {
  for (let left = 400; connections() > count; left--) {
    if (left === 0) throw new Error(`${connections() - count} connections stay`);
    await sleep(50);
  }
}

test.serial('an attach that is refused does not stay connected with the container', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image } = fixture;
  const before = connections();
  const spec = { Image: image, Cmd: ['sleep', '1000'], ...quiet };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  await call('POST', `/containers/${Id}/start`);
  t.is((await call('GET', `/containers/${Id}/attach/ws?stream=1&stdout=1`)).status, 400);
  await untilNoMoreThan(before);
});

test.serial('a request that asks in vain for another protocol leaves no connection', async (t) => {
  await using fixture = await openEngineApiFixture();
  const before = connections();
  for (const [method, path, body] of [
    ['GET', '/info', ''],
    ['GET', '/containers/none/json', ''],
    ['POST', '/containers/create', '{}'],
  ] as const) {
    const headers = { connection: 'Upgrade', upgrade: 'h2c', 'content-length': `${body.length}` };
    const asked = await rawRequest(fixture.socketPath, `${requestText(method, path, headers, body)}and more`);
    t.notRegex(asked.status, / 101 /);
    await asked.rest();
    asked.socket.destroy();
  }
  await untilNoMoreThan(before);
});

test.serial('who detaches by keys and types on leaves no connection', async (t) => {
  await using fixture = await openEngineApiFixture();
  const before = connections();
  const { call, image, socketPath } = fixture;
  const spec = { Image: image, Cmd: ['cat'], OpenStdin: true, Tty: true, ...quiet };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  await call('POST', `/containers/${Id}/start`);
  const attached = await rawRequest(socketPath, requestText('POST', attachPath(Id), upgradeHeaders));
  attached.socket.write('\x10\x11');
  await attached.rest();
  attached.socket.write('typed on');
  await sleep(100);
  attached.socket.destroy();
  await untilNoMoreThan(before);
  t.pass();
});

test.serial(
  'a client that neither reads nor closes its side is cut when the process has ended',
  async (t) => {
    await using fixture = await openEngineApiFixture();
    const before = connections();
    const { call, image, socketPath } = fixture;
    const spec = { Image: image, Cmd: ['sh', '-c', 'read x'], OpenStdin: true, ...quiet };
    const { Id } = (await call('POST', '/containers/create', spec)).json;
    await call('POST', `/containers/${Id}/start`);
    const attached = await rawRequest(socketPath, requestText('POST', attachPath(Id), upgradeHeaders));
    attached.socket.write('\n');
    await attached.rest();
    attached.socket.write(Buffer.alloc(1 << 20));
    attached.socket.on('error', () => undefined);
    await untilNoMoreThan(before + 1);
    attached.socket.destroy();
    await untilNoMoreThan(before);
    t.pass();
  },
);

test.serial('who attaches with the log of before to what is started meanwhile hears it', async (t) => {
  await using fixture = await openEngineApiFixture();
  const { call, image, socketPath } = fixture;
  const script = 'head -c 3000000 /dev/zero; read x; echo "got $x"';
  const spec = { Image: image, Cmd: ['sh', '-c', script], OpenStdin: true, ...quiet };
  const { Id } = (await call('POST', '/containers/create', spec)).json;
  const path = `${attachPath(Id)}&logs=1`;
  await call('POST', `/containers/${Id}/start`);
  const first = await rawRequest(socketPath, requestText('POST', path, upgradeHeaders));
  first.socket.end('once\n');
  await first.rest();
  await call('POST', `/containers/${Id}/wait`);
  const slow = await rawRequest(socketPath, requestText('POST', path, upgradeHeaders));
  slow.socket.pause(); // within the log
  t.is((await call('POST', `/containers/${Id}/start`)).status, 204);
  slow.socket.resume();
  slow.socket.end('twice\n');
  t.true((await slow.rest()).includes('got twice'));
});

test.serial(
  'a websocket that sends what is no frame is cut, as is one whose pings are too long',
  async (t) => {
    await using fixture = await openEngineApiFixture();
    const { call, image, socketPath } = fixture;
    const spec = { Image: image, Cmd: ['sleep', '1000'], OpenStdin: true, ...quiet };
    const { Id } = (await call('POST', '/containers/create', spec)).json;
    await call('POST', `/containers/${Id}/start`);
    const path = `/containers/${Id}/attach/ws?stream=1&stdin=1&stdout=1`;
    const key = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version': '13' };
    const headers = { connection: 'Upgrade', upgrade: 'websocket', ...key };
    for (const frame of [
      [0x82, 0x01, 0x61],
      [0x89, 0xfe, 0x00, 0x7e, 0, 0, 0, 0],
    ]) {
      const asked = await rawRequest(socketPath, requestText('GET', path, headers));
      t.regex(asked.status, / 101 /);
      asked.socket.write(Buffer.from(frame));
      t.is((await asked.rest()).length, 0);
      asked.socket.destroy();
    }
    t.is((await call('GET', `/containers/json?filters=null`)).json.length, 1);
  },
);
