import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { sendFile as sendByKernel } from '../../bindings/files.ts';
import { sendStream } from './send-stream.ts';

/** Bytes below which a thread for it is not worth while, and files that are sent by threads at once. */
const smallest = 256 * 1024;
const mostThreads = 64;

let threads = 0;
const sentByKernel = new WeakMap<Socket, number>();

/** Bytes that went over a connection without Node's seeing them: its `bytesWritten` does not have them. */
export function bytesSentByKernel(socket: Socket): number {
  return sentByKernel.get(socket) ?? 0;
}

/**
 * Sends a part of a file, `start` to `end` inclusive, as the rest of an answer whose head with its `content-length` was given
 * to writeHead(). On plain connections the kernel sends it; what goes over TLS, is small, or comes when too many are under way
 * already is read and written. A client that takes nothing for two minutes is cut off. False: there is no such file, and
 * nothing was sent; `head` is called when there is.
 */
export async function sendFile(
  response: ServerResponse,
  path: string,
  { start, end }: { readonly start: number; readonly end: number },
  head: () => void,
): Promise<boolean> {
  const file = await openFile(path);
  if (file === undefined) return false;
  head();
  const socket = threads < mostThreads && end - start >= smallest ? plainSocket(response) : undefined;
  if (socket === undefined) {
    await sendStream(response, file.createReadStream({ start, end, highWaterMark: 1 << 20 }));
    return true;
  }
  threads++;
  try {
    await throughKernel(response, socket, file, { offset: start, length: end - start + 1 });
  } finally {
    threads--;
    await file.close();
  }
  return true;
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The connection with its descriptor, if it is plain TCP and this answer's turn. */
function plainSocket(response: ServerResponse): (Socket & WithHandle) | undefined {
  const { socket } = response;
  if (!(socket instanceof Socket) || 'encrypted' in socket) return undefined;
  const { _handle: handle, _httpMessage: message } = socket as WithHandle;
  return message === response && (handle?.fd ?? -1) >= 0 ? (socket as Socket & WithHandle) : undefined;
}

/** What node:net and node:http keep of a connection, of old, and do not document; where it is absent nothing is lost but speed. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null;
  readonly _httpMessage?: unknown;
}

/** Node has written the head by then, and writes nothing before the end. */
async function throughKernel(
  response: ServerResponse,
  socket: Socket & WithHandle,
  file: FileHandle,
  range: { readonly offset: number; readonly length: number },
): Promise<void> {
  response.flushHeaders();
  const isFlushed = await new Promise<boolean>((resolve) => socket.write('', (error) => resolve(!error)));
  const fd = socket._handle?.fd ?? -1;
  if (!isFlushed || fd < 0) return void response.destroy();
  const patience = socket.timeout ?? 120_000;
  socket.setTimeout(0);
  const sent = await sendByKernel(fd, file.fd, range, patience);
  sentByKernel.set(socket, bytesSentByKernel(socket) + sent);
  socket.setTimeout(patience);
  if (sent === range.length) response.end();
  else response.destroy();
}
