import { once } from 'node:events';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { EngineError } from '../errors/index.ts';

/** A unix socket that its owner and one group may connect to (0660). */
export interface UnixSocketPlace {
  readonly path: string;
  /** The id of the group. Default: the program's own. */
  readonly gid?: number;
}

/**
 * Listens on a unix socket, which nobody but its owner and group could connect to at any time. One that nobody answers at
 * is replaced; anything else at that path is left alone. @throws EngineError ERR_LISTEN_FAILED
 */
export async function listenOnUnixSocket(
  server: Server,
  { path, gid }: UnixSocketPlace,
  backlog: number,
): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    await removeDead(path);
    const umask = process.umask(0o177);
    try {
      server.listen({ path, backlog }); // binds before it returns
    } finally {
      process.umask(umask);
    }
    if (!server.listening) await once(server, 'listening');
    if (gid !== undefined) chownSync(path, -1, gid);
    chmodSync(path, 0o660);
  } catch (cause) {
    server.close();
    throw listenFailed(path, cause);
  }
}

/** The path of a unix socket, '' of one that has none; undefined: the descriptor is no unix socket (proc(5), /proc/net/unix). */
export function unixSocketPath(fd: number): string | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  const lines = readFileSync('/proc/self/net/unix', 'utf8').split('\n');
  const found = lines
    .map((line) => /^(?:\S+\s+){6}(\d+)(?: (.*))?$/.exec(line))
    .find((one) => one?.[1] === inode);
  return found ? (found[2] ?? '') : undefined;
}

/** ERR_LISTEN_FAILED: there, for that reason. */
export function listenFailed(place: string, cause: unknown): EngineError {
  const { message } = cause as Error;
  return new EngineError('ERR_LISTEN_FAILED', `cannot listen on ${place}: ${message}`, { cause });
}

async function removeDead(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error('there is something that is no socket: remove it');
  if (await answers(path))
    throw new Error('somebody listens there already: stop that, or choose another path');
  rmSync(path, { force: true });
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
