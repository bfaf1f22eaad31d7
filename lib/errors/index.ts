/**
 * Errors with two names: `kind` decides what a caller does (exit code, HTTP status), `code` says what happened.
 * Every code stands in one table, `codes.ts`. This is a leaf room: it imports nothing.
 */
export { type ErrorCode, type ErrorKind, errorCodes } from './codes.ts';
export { EngineError, isEngineError } from './engine-error.ts';
