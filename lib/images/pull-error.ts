import { toEngineError } from '../../bindings/errors.ts';
import { EngineError, isEngineError } from '../errors/index.ts';

/** What a pull fails with, as an EngineError whose message says what became of it. */
export function pullError(
  error: unknown,
  pull: { readonly reference: string; readonly root: string; readonly aborted: boolean },
): unknown {
  const { reference, root } = pull;
  if (pull.aborted) {
    const message = `the pull of ${reference} was aborted; what was downloaded is kept for the next one`;
    return new EngineError('ERR_ABORTED', message, { cause: error, details: { reference } });
  }
  const failure = toEngineError(error);
  if (!isEngineError(failure, 'ERR_NO_SPACE')) return failure;
  return new EngineError(
    'ERR_NO_SPACE',
    `the disk is full: ${reference} could not be stored below ${root}. Free some space (remove images and containers, or ` +
      'use another root) and pull again; what was downloaded is kept',
    { cause: failure, details: { ...failure.details, reference, root } },
  );
}
