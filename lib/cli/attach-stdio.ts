import type { Readable, Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import type { Attachment, ExitStatus } from '../containers/index.ts';
import { stderr, stdout } from './output.ts';
import { DetachScanner, followSize, RawTerminal } from './terminal.ts';

export interface StdioOptions {
  readonly tty: boolean;
  /** Send this process's stdin. */
  readonly stdin: boolean;
  readonly detachKeys?: readonly number[];
}

/**
 * Connects this process's stdio with a container's until that has ended and its last byte is written (flushed() waits for
 * whoever reads it), or the detach keys are typed: then "detached".
 */
export async function attachStdio(
  attachment: Attachment,
  options: StdioOptions,
): Promise<ExitStatus | 'detached'> {
  const output = Promise.all([copy(attachment.stdout, stdout), copy(attachment.stderr, stderr)]);
  using _size = options.tty ? sizeOf(attachment) : undefined;
  using _raw =
    options.tty && options.stdin && process.stdin instanceof ReadStream
      ? new RawTerminal(process.stdin)
      : undefined;
  const detached = options.stdin ? sendInput(attachment, options) : new Promise<never>(() => undefined);
  const ended = attachment.exited.then(async (status) => {
    await output;
    return status;
  });
  try {
    return await Promise.race([ended, detached]);
  } finally {
    if (options.stdin) process.stdin.pause(); // the getter alone takes milliseconds
  }
}

/** Terminal size at the start of this process, if it has one. */
export function terminalSize(): { rows: number; cols: number } | undefined {
  const { stdout } = process;
  return stdout instanceof WriteStream ? { rows: stdout.rows, cols: stdout.columns } : undefined;
}

function sizeOf(attachment: Attachment): Disposable | undefined {
  const { stdout } = process;
  return stdout instanceof WriteStream
    ? followSize(stdout, (rows, cols) => attachment.resize(rows, cols))
    : undefined;
}

/** Resolves only when the detach keys were typed. */
function sendInput(attachment: Attachment, options: StdioOptions): Promise<'detached'> {
  const scanner = options.tty && process.stdin.isTTY ? new DetachScanner(options.detachKeys) : undefined;
  return new Promise((resolve) => {
    attachment.stdin.on('error', () => process.stdin.pause()); // the command does not read any more
    process.stdin.on('error', () => attachment.stdin.end());
    process.stdin.on('end', () => attachment.stdin.end());
    process.stdin.on('data', (chunk: Buffer) => {
      const { pass, detached } = scanner?.scan(chunk) ?? { pass: chunk, detached: false };
      if (pass.length > 0) writeInput(attachment.stdin, pass);
      if (detached) {
        attachment.detach();
        resolve('detached');
      }
    });
  });
}

function writeInput(stdin: Writable, chunk: Buffer): void {
  if (stdin.destroyed || stdin.writableEnded || stdin.write(chunk)) return;
  process.stdin.pause();
  stdin.once('drain', () => process.stdin.resume());
}

/**
 * To the last byte. Whoever reads our output may go away: the rest is dropped, as for any program in a pipe. The stream is
 * asked for with the first byte, and events do instead of iteration, because either takes milliseconds of a short start.
 */
function copy(from: Readable, stream: () => NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve, reject) => {
    let to: NodeJS.WriteStream | undefined;
    let isGone = false;
    from.on('end', resolve);
    from.on('error', reject);
    from.on('data', (chunk: Buffer) => {
      to ??= openOutput(stream(), () => {
        isGone = true;
        from.resume();
      });
      if (isGone || to.write(chunk)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
  });
}

function openOutput(to: NodeJS.WriteStream, lost: () => void): NodeJS.WriteStream {
  to.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    lost();
  });
  return to;
}
