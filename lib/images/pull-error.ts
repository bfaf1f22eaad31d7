import { EngineError } from '../errors/index.ts';

/** What a pull fails with: an EngineError in every case. */
export function pullError(
  error: unknown,
  pull: { readonly reference: string; readonly root: string; readonly aborted: boolean },
): EngineError {
  const { reference, root } = pull;
  if (pull.aborted) {
    const message = `the pull of ${reference} was aborted; what was downloaded is kept for the next one`;
    return new EngineError('ERR_ABORTED', message, { cause: error, details: { reference } });
  }
  if (error instanceof EngineError) return error;
  const { code, path = root, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new EngineError(
      'ERR_NO_SPACE',
      `the disk is full: ${reference} could not be written to ${root}. Free space there (remove images and containers, ` +
        'or use another root) and pull again; what was downloaded is kept',
      { cause: error, details: { reference, path } },
    );
  }
  return new EngineError('ERR_SYSTEM', `could not store ${reference}: ${message}`, {
    cause: error,
    details: { reference, path },
  });
}
