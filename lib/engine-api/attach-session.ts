import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Attachment } from '../containers/index.ts';
import { ClientOutput } from './client-output.ts';
import { DetachKeys } from './detach-keys.ts';
import type { HijackedStream } from './hijack.ts';

/** A client whose connection is to carry a process's stdio. */
export interface AttachSession {
  readonly stream: HijackedStream;
  readonly output: ClientOutput;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Whether the process has a terminal: the keys to detach then work, and the end of what is sent is no end of stdin. */
  readonly tty: boolean;
  /** Whether the end of what is sent ends the process's stdin. */
  readonly endsStdin: boolean;
  readonly detachKeys: Buffer;
}

/** A session over a hijacked connection. */
export function attachSession(
  stream: HijackedStream,
  options: Omit<AttachSession, 'stream' | 'output'> & { readonly framed: boolean },
): AttachSession {
  const { framed, ...rest } = options;
  return { stream, output: new ClientOutput(stream.output, framed), ...rest };
}

/**
 * Connects clients with a process until it ends or they have gone: its output goes to all of them, in order and to the last byte,
 * no faster than the slowest of them reads, and no more is kept than what is under way. When the last has gone the process goes
 * on alone. Resolves when all is over; never rejects.
 */
export async function connectSessions(
  attachment: Attachment,
  sessions: readonly AttachSession[],
): Promise<void> {
  const live = new Set(sessions);
  const leave = (session: AttachSession) => {
    if (live.delete(session) && live.size === 0) attachment.hangUp();
  };
  attachment.exited.catch(() => undefined);
  for (const session of sessions) {
    session.output.onClose(() => leave(session));
    if (session.stdin) void pumpInput(attachment, session, () => detach(attachment, session, live));
    else session.stream.input.on('error', () => undefined).resume();
  }
  await Promise.all([
    pumpOutput(attachment.stdout, (piece) =>
      toAll(live, ({ stdout, output }) => (stdout ? output.write('stdout', piece) : undefined)),
    ),
    pumpOutput(attachment.stderr, (piece) =>
      toAll(live, ({ stderr, output }) => (stderr ? output.write('stderr', piece) : undefined)),
    ),
  ]);
  for (const { output } of live) output.end();
}

async function toAll(
  sessions: ReadonlySet<AttachSession>,
  send: (session: AttachSession) => Promise<void> | undefined,
): Promise<void> {
  await Promise.all([...sessions].map(send));
}

async function pumpOutput(source: Readable, send: (piece: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const piece of source as AsyncIterable<Buffer>) await send(piece);
  } catch {
    // The connection to the monitor is gone: 'exited' says why, to whoever asks.
  }
}

/** What the client sends, until it ends or the keys to detach are typed. */
async function pumpInput(
  attachment: Attachment,
  session: AttachSession,
  onDetach: () => void,
): Promise<void> {
  const { stream, tty, endsStdin } = session;
  const keys = tty ? new DetachKeys(session.detachKeys) : undefined;
  const { stdin } = attachment;
  stdin.on('error', () => undefined);
  try {
    for await (const piece of stream.input.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const kept = keys === undefined ? piece : keys.filter(piece);
      if (kept === null) return onDetach();
      await writeTo(stdin, kept);
    }
    if (endsStdin && !tty) stdin.end();
  } catch {
    // The client has gone; its output's 'close' takes it off the list.
  }
}

/** The keys were typed: it is told of, and the client is let go. */
function detach(attachment: Attachment, session: AttachSession, live: Set<AttachSession>): void {
  live.delete(session);
  if (live.size === 0) attachment.detach();
  session.output.end();
}

async function writeTo(stdin: Writable, piece: Buffer): Promise<void> {
  if (piece.length === 0 || stdin.destroyed || stdin.writableEnded) return;
  if (!stdin.write(piece)) await once(stdin, 'drain');
}
