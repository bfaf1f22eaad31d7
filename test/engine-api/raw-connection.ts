import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection to the API that the test speaks itself, as a client that hijacks does. */
export interface RawConnection {
  readonly socket: Socket;
  /** The head of the answer: its first line, and all of it. */
  readonly status: string;
  readonly head: string;
  /** All bytes behind the head, to the end that the server makes. */
  rest(): Promise<Buffer>;
  /** What has come by now; resolves when `isEnough`. */
  until(isEnough: (all: Buffer) => boolean): Promise<Buffer>;
}

/** Sends a request as it is written, and reads the head of the answer. */
export async function rawRequest(socketPath: string, request: string | Buffer): Promise<RawConnection> {
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  await once(socket, 'connect');
  let all: Buffer = Buffer.alloc(0);
  let isOver = false;
  let wake = () => {};
  socket.on('data', (piece: Buffer) => {
    all = Buffer.concat([all, piece]);
    wake();
  });
  socket.on('error', () => undefined);
  for (const event of ['end', 'close'] as const)
    socket.on(event, () => {
      isOver = true;
      wake();
    });
  const changed = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const until = async (isEnough: (bytes: Buffer) => boolean): Promise<void> => {
    while (!isEnough(all) && !isOver) await changed();
  };
  socket.write(request);
  await until((bytes) => bytes.includes('\r\n\r\n'));
  const end = all.indexOf('\r\n\r\n');
  const head = all.toString('latin1', 0, end);
  const body = () => all.subarray(end + 4);
  return {
    socket,
    head,
    status: head.split('\r\n')[0] ?? '',
    rest: async () => {
      await until(() => false);
      return body();
    },
    until: async (isEnough) => {
      await until(() => isEnough(body()));
      return body();
    },
  };
}

/** A request's text. */
export function requestText(
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
): string {
  const lines = Object.entries({ host: 'docker', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${path} HTTP/1.1`, ...lines, '', body].join('\r\n');
}

export const upgradeHeaders = { connection: 'Upgrade', upgrade: 'tcp' };

/** docker's frames, put together by stream. A frame that is not whole is an error. */
export function unframed(bytes: Buffer): { stdout: string; stderr: string } {
  const found = { stdout: '', stderr: '' };
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    const name = bytes[at] === 1 ? 'stdout' : 'stderr';
    if (at + 8 + length > bytes.length) throw new Error('a frame is cut off');
    found[name] += bytes.toString('utf8', at + 8, at + 8 + length);
    at += 8 + length;
  }
  return found;
}
