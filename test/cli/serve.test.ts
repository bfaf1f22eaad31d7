import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { makeCertificates } from '../registry-client/certificates.ts';
import { openStrake, type Strake } from './strake.ts';

const program = fileURLToPath(new URL('../../bin/strake', import.meta.url));

/** Resolves with the first line that it prints; rejects when it ends before. Ends with the test. */
async function firstLine(t: ExecutionContext, child: ChildProcess): Promise<string> {
  t.teardown(() => child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  child.stderr?.on('data', (piece) => {
    err += piece;
  });
  child.stdout?.on('data', (piece) => {
    out += piece;
  });
  while (!out.includes('\n') && child.exitCode === null)
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  if (!out.includes('\n')) throw new Error(err);
  return out.split('\n')[0]!;
}

interface Place {
  readonly socketPath?: string;
  readonly port?: number;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

async function ask(
  place: Place,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const request = place.ca ? tlsRequest : plainRequest;
  const headers = { 'content-type': 'application/json' };
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', ...place, method, path, headers, agent: false },
      async (response) => {
        let text = '';
        for await (const piece of response) text += piece;
        resolve({ status: response.statusCode ?? 0, text });
      },
    );
    outgoing.on('error', reject).end(body && JSON.stringify(body));
  });
}

const serve = (strake: Strake, ...flags: string[]) => strake.spawn(['serve', ...flags]);

test('a server goes and another comes, and containers go on', async (t) => {
  await using strake = await openStrake();
  const socketPath = `${strake.root}.sock`;
  const first = serve(strake, '-H', `unix://${socketPath}`, '--group', '0');
  t.is(await firstLine(t, first), `unix://${socketPath}`);
  t.is((await stat(socketPath)).mode & 0o777, 0o660);
  const spec = { Image: strake.image, Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } };
  const { Id } = JSON.parse((await ask({ socketPath }, 'POST', '/containers/create', spec)).text);
  t.is((await ask({ socketPath }, 'POST', `/containers/${Id}/start`)).status, 204);
  const waiting = ask({ socketPath }, 'POST', `/containers/${Id}/wait`).catch(() => 'cut');
  const ended = once(first, 'exit');
  first.kill('SIGKILL');
  await ended;
  t.is(await waiting, 'cut');
  const second = serve(strake, '-H', `unix://${socketPath}`);
  await firstLine(t, second);
  const { State } = JSON.parse((await ask({ socketPath }, 'GET', `/containers/${Id}/json`)).text);
  t.true(State.Running);
  second.kill('SIGTERM');
  t.deepEqual(await once(second, 'exit'), [0, null]);
  await t.throwsAsync(stat(socketPath), { code: 'ENOENT' });
  t.regex((await strake.run(['ps', '-q', '--no-trunc'])).stdout, new RegExp(Id));
});

/** Starts it as sd_listen_fds(3) says: $LISTEN_PID is the process that is meant, which a shell alone knows before there is one. */
function serveHandedOver(strake: Strake, server: Server, ...flags: string[]): ChildProcess {
  const { _handle: handle } = server as Server & { _handle: { fd: number } };
  const command = ['sh', process.execPath, program, 'serve', ...flags];
  const child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$@"', ...command], {
    env: { ...process.env, STRAKE_ROOT: strake.root, LISTEN_FDS: '1' },
    stdio: ['ignore', 'pipe', 'pipe', handle.fd],
  });
  server.close(); // of this process alone
  return child;
}

async function terminate(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
}

test('sockets that a service manager hands over are listened on', async (t) => {
  await using strake = await openStrake();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const child = serveHandedOver(strake, server, '--insecure');
  t.is(await firstLine(t, child), `tcp://127.0.0.1:${port}`);
  t.is((await ask({ port }, 'GET', '/_ping')).text, 'OK');
  await terminate(child);
});

test('of sockets that are handed over, only unix ones need no certificates', async (t) => {
  await using strake = await openStrake();
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  await t.throwsAsync(firstLine(t, serveHandedOver(strake, tcp)), {
    message: /fd:\/\/ without client certificates makes everybody root/,
  });
  const socketPath = `${strake.root}.handed`;
  const unix = createServer().listen(socketPath);
  await once(unix, 'listening');
  const child = serveHandedOver(strake, unix);
  t.is(await firstLine(t, child), `unix://${socketPath}`);
  await terminate(child);
});

test('tcp is for those who show a certificate', async (t) => {
  await using strake = await openStrake();
  await using files = await makeCertificates();
  const tls = ['--tlsverify', '--tlscacert', files.ca, '--tlscert', files.cert, '--tlskey', files.key];
  const address = await firstLine(t, serve(strake, '-H', 'tcp://127.0.0.1:0', ...tls));
  const port = Number(address.split(':').at(-1));
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map((path) => readFile(path)));
  t.is((await ask({ port, ca, cert, key } as Place, 'GET', '/_ping')).text, 'OK');
  await t.throwsAsync(ask({ port, ca } as Place, 'GET', '/_ping'));
  await t.throwsAsync(ask({ port }, 'GET', '/_ping'));
});

test('what would make everybody root is refused in one line', async (t) => {
  await using strake = await openStrake();
  const open = await strake.run(['serve', '-H', 'tcp://127.0.0.1:0']);
  t.is(open.code, 1);
  t.regex(
    open.stderr,
    /^strake: tcp:\/\/127\.0\.0\.1:0 without client certificates makes everybody root .*\n$/,
  );
  t.regex((await strake.run(['serve', '-H', 'ftp://x'])).stderr, /^strake: invalid address "ftp:\/\/x"/);
  t.regex((await strake.run(['serve', '--group', 'no-such-group'])).stderr, /there is no such group/);
  t.regex((await strake.run(['serve', '--tlsverify'])).stderr, /give --tlscacert/);
});

test('by TLS too, the output of who has sent all of his input goes on', async (t) => {
  await using strake = await openStrake();
  await using files = await makeCertificates();
  const tls = ['--tlsverify', '--tlscacert', files.ca, '--tlscert', files.cert, '--tlskey', files.key];
  const server = serve(strake, '-H', 'tcp://127.0.0.1:0', ...tls);
  const port = Number((await firstLine(t, server)).split(':').at(-1));
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map((path) => readFile(path)));
  const place = { port, ca, cert, key } as Place;
  const Cmd = ['sh', '-c', 'cat; sleep 0.5; echo last'];
  const spec = { Image: strake.image, Cmd, OpenStdin: true, StdinOnce: true, Tty: false };
  const body = { ...spec, HostConfig: { NetworkMode: 'none' } };
  const { Id } = JSON.parse((await ask(place, 'POST', '/containers/create', body)).text);
  const halfOpen = { ...place, host: '127.0.0.1', allowHalfOpen: true };
  const socket = connectTls(halfOpen);
  let output = '';
  socket.on('data', (piece) => {
    output += piece;
  });
  socket.write(
    `POST /containers/${Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  while (!output.includes('\r\n\r\n')) await once(socket, 'data');
  t.is((await ask(place, 'POST', `/containers/${Id}/start`)).status, 204);
  socket.end('all\n');
  await once(socket, 'end');
  t.regex(output, /all\n.*last\n$/s);
  await terminate(server);
});
