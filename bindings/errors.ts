import { EngineError, type ErrorCode, errorCodes } from '../lib/errors/index.ts';

/** What a failed system call of the addon rejects with, as Node's own do. */
interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

/** System calls' errors that say something to the caller of the library; every other is ERR_SYSTEM. */
const remedies: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOSPC: ['ERR_NO_SPACE', 'free some space, or use another disk'],
  EDQUOT: ['ERR_NO_SPACE', 'the disk quota is used up'],
  EACCES: ['ERR_PERMISSION', 'choose a directory of your own, or run as root'],
  EPERM: ['ERR_PERMISSION', 'this needs root'],
  EROFS: ['ERR_PERMISSION', 'the file system is mounted read-only'],
};

/**
 * Waits for a call of the addon. A native failure with a code of lib/errors' table, and every failed system call, is
 * rethrown as EngineError with the native error as its cause; `details` then hold `errno`, `syscall` and `path`.
 * Anything else (a TypeError for a wrong argument) passes.
 */
export async function fromNative<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toEngineError(error);
  }
}

/** The same for one error; an EngineError stays what it is. */
export function toEngineError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof EngineError) return error;
  if (isSystemError(error)) return fromSystemError(error);
  const code = 'code' in error ? error.code : undefined;
  return isErrorCode(code) ? new EngineError(code, error.message, { cause: error }) : error;
}

function fromSystemError(error: SystemError): EngineError {
  const [code, remedy] = remedies[error.code] ?? ['ERR_SYSTEM', undefined];
  const message = remedy === undefined ? error.message : `${error.message}: ${remedy}`;
  const details = { errno: error.code, syscall: error.syscall, ...(error.path && { path: error.path }) };
  return new EngineError(code, message, { cause: error, details });
}

function isSystemError(error: Error): error is SystemError {
  return 'syscall' in error && 'errno' in error;
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}
