import { constants } from 'node:os';
import { isEngineError } from '../errors/index.ts';
import { printable } from './format.ts';
import { stderr } from './output.ts';

/** Thrown to end the program with a code, everything having been said. */
export class ExitCode extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Docker's codes for a command that could not be executed (docker run, "Exit status"). */
const executionCodes: Readonly<Record<string, number>> = {
  ERR_EXEC_NOT_FOUND: 127,
  ERR_EXEC_PERMISSION: 126,
  ERR_EXEC_FORMAT: 126,
  ERR_CWD_INVALID: 126,
};

/** Prints one line, with the stack if STRAKE_DEBUG=1. Answers the exit code: `failure`, or 126 and 127. */
export function reportError(error: unknown, failure: number): number {
  const message = error instanceof Error ? error.message : String(error);
  stderr().write(`strake: ${printable(message)}\n`);
  if (process.env.STRAKE_DEBUG === '1') console.error(error);
  return (isEngineError(error) && executionCodes[error.code]) || failure;
}

/** Prints a line for each, from the `from`th on. Answers how many there are. */
export function reportWarnings(warnings: readonly { readonly message: string }[], from = 0): number {
  for (const { message } of warnings.slice(from)) {
    stderr().write(`strake: warning: ${printable(message)}\n`);
  }
  return warnings.length;
}

/**
 * An error that reached nobody: a reader of our output that has gone ends this program as SIGPIPE ends others, silently;
 * all else is said in one line. Answers the exit code.
 */
export function reportLostOutput(error: NodeJS.ErrnoException): number {
  if (error.code === 'EPIPE') return 128 + constants.signals.SIGPIPE;
  const message = error.syscall === 'write' ? `the output cannot be written: ${error.message}` : error;
  try {
    return reportError(message, 1);
  } catch {
    return 1; // stderr is lost as well
  }
}

/** Does the same to each of several things: errors are printed as they come, and the code is 1 if there was one. */
export async function forEachReporting(
  names: readonly string[],
  action: (name: string) => Promise<void>,
): Promise<void> {
  let failed = false;
  for (const name of names) {
    await action(name).catch((error: unknown) => {
      failed = true;
      reportError(error, 1);
    });
  }
  if (failed) throw new ExitCode(1);
}
