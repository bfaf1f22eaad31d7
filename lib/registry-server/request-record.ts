import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { bytesSentByKernel } from '../http/index.ts';
import type { Answered } from './answer.ts';

/** A request that has been answered, for a log. */
export interface RequestRecord {
  /** ISO 8601, when it came. */
  readonly time: string;
  readonly method: string;
  /** Without the query, which may hold what is nobody's business. */
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  /** Bytes of the connection since the request before it. */
  readonly sent: number;
  readonly received: number;
  readonly address: string;
  /** Who asked. */
  readonly by: string;
  /** What it changed, where the path does not say. */
  readonly subject?: string;
  /** Why it was refused. */
  readonly error?: string;
  /** What went wrong in the registry itself: for its log, never for the client. */
  readonly cause?: string;
}

/** Begins a record; the answer ends it. */
export function beginRecord(
  request: IncomingMessage,
  response: ServerResponse,
): (answered: Answered) => RequestRecord {
  const { socket, method = '' } = request;
  const [began, time] = [performance.now(), new Date().toISOString()];
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const address = socket.remoteAddress ?? '';
  return ({ identity, refusal, subject }) => ({
    ...bytesSince(socket),
    time,
    method,
    path,
    status: response.statusCode,
    milliseconds: Math.round((performance.now() - began) * 1000) / 1000,
    address,
    by: identity?.name ?? '',
    ...(subject !== undefined && { subject }),
    ...(refusal && { error: refusal.code }),
    ...(refusal && refusal.status >= 500 && { cause: describe(refusal.cause) }),
  });
}

/** What a connection had carried when it was last asked. A body may have come before its request is handed out. */
const carried = new WeakMap<Socket, { readonly sent: number; readonly received: number }>();

function bytesSince(socket: Socket): { sent: number; received: number } {
  const before = carried.get(socket) ?? { sent: 0, received: 0 };
  const now = { sent: socket.bytesWritten + bytesSentByKernel(socket), received: socket.bytesRead };
  carried.set(socket, now);
  return { sent: now.sent - before.sent, received: now.received - before.received };
}

function describe(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause ?? '');
}
