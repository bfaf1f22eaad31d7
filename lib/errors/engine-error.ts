import { type ErrorCode, type ErrorKind, errorCodes } from './codes.ts';

/**
 * The only error that this library throws on purpose. `message` names the thing and the remedy; `details` holds the
 * same as data (JSON); `cause` is the error underneath, with its errno, syscall and path if it was a system call's.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = errorCodes[code];
    this.details = options.details ?? {};
  }
}

/** Narrows an unknown error, optionally to one code. */
export function isEngineError(error: unknown, code?: ErrorCode): error is EngineError {
  return error instanceof EngineError && (code === undefined || error.code === code);
}
