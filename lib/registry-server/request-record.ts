import type { IncomingMessage, ServerResponse } from 'node:http';
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
  /** Bytes of the connection while it ran. */
  readonly sent: number;
  readonly received: number;
  readonly address: string;
  /** Who asked. */
  readonly by: string;
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
  const [written, read] = [socket.bytesWritten, socket.bytesRead];
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const address = socket.remoteAddress ?? '';
  return ({ identity, refusal }) => ({
    time,
    method,
    path,
    status: response.statusCode,
    milliseconds: Math.round((performance.now() - began) * 1000) / 1000,
    sent: socket.bytesWritten - written,
    received: socket.bytesRead - read,
    address,
    by: identity?.name ?? '',
    ...(refusal && { error: refusal.code }),
    ...(refusal && refusal.status >= 500 && { cause: describe(refusal.cause) }),
  });
}

function describe(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause ?? '');
}
