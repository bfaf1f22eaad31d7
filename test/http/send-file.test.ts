import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type ByteRange, bytesSentByKernel, openListener, sendFile } from '../../lib/http/index.ts';
import { noise } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const size = 8 << 20;

/** Sends a file of 8 MiB for each request, or the part that `range` says, and counts what the kernel has sent. */
async function serve(
  t: ExecutionContext,
  { start, end }: ByteRange = { start: 0, end: size - 1 },
  idleTimeout = 20_000,
) {
  const path = join(temporaryFolder(t), 'file');
  const bytes = noise(size);
  writeFileSync(path, bytes);
  const seen = { byKernel: 0, ended: 0 };
  const listener = await openListener({
    host: '127.0.0.1',
    port: 0,
    idleTimeout,
    handle: async (request, response) => {
      const before = bytesSentByKernel(request.socket);
      const wanted = request.url === '/absent' ? `${path}-absent` : path;
      const headers = { 'content-length': end - start + 1 };
      const isThere = await sendFile(response, wanted, { start, end }, () =>
        response.writeHead(200, headers),
      );
      if (!isThere) response.writeHead(404, { 'content-length': 0 }).end();
      seen.byKernel += bytesSentByKernel(request.socket) - before;
      seen.ended++;
    },
  });
  t.teardown(() => listener.close(0));
  return { url: listener.url, port: listener.port, bytes, seen };
}

test.serial('the kernel sends a file, again and again on one connection', async (t) => {
  const { url, bytes, seen } = await serve(t);
  for (let again = 1; again <= 3; again++) {
    const body = Buffer.from(await (await fetch(url)).arrayBuffer());
    t.true(body.equals(bytes));
    for (let wait = 0; seen.ended < again && wait < 100; wait++) await delay(20);
    t.is(seen.byKernel, again * size);
  }
});

test.serial('many are sent at once, each whole', async (t) => {
  const { url, bytes } = await serve(t, { start: 1000, end: 3_000_999 });
  const bodies = await Promise.all(
    Array.from({ length: 80 }, async () => Buffer.from(await (await fetch(url)).arrayBuffer())),
  );
  for (const body of bodies) t.true(body.equals(bytes.subarray(1000, 3_001_000)));
});

test.serial('a small part is sent as ever, and a file that there is not is said to be absent', async (t) => {
  const { url, bytes, seen } = await serve(t, { start: 5, end: 104 });
  t.true(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(bytes.subarray(5, 105)));
  t.is(seen.byKernel, 0);
  t.is((await fetch(`${url}/absent`)).status, 404);
});

test.serial('requests that were sent at once are answered one after the other', async (t) => {
  const { port } = await serve(t, { start: 0, end: 999_999 });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2));
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  let length = 0;
  let heads = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    length += chunk.length;
    heads += chunk.toString('latin1').split('HTTP/1.1 200').length - 1;
  }
  t.is(heads, 3);
  t.true(length > 3_000_000 && length < 3_001_000, String(length));
});

test.serial('a client that goes, or takes nothing, is let go, and no file stays open', async (t) => {
  const { port, seen } = await serve(t, undefined, 500);
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const before = descriptors();
  const gone = connect(port, '127.0.0.1');
  gone.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  gone.once('data', () => gone.destroy());
  const silent = connect(port, '127.0.0.1');
  silent.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  silent.pause();
  for (let wait = 0; seen.ended < 2 && wait < 100; wait++) await delay(50);
  t.is(seen.ended, 2);
  silent.destroy();
  await delay(100);
  t.true(descriptors() <= before, `${descriptors()} of ${before}`);
});
