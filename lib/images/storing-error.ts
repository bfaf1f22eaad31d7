import { toEngineError } from '../../bindings/errors.ts';
import { EngineError, isEngineError } from '../errors/index.ts';

/** What bringing images into the store (`what`: "the load") fails with, as an EngineError whose message says so. */
export function storingError(
  error: unknown,
  { what, root, aborted }: { readonly what: string; readonly root: string; readonly aborted: boolean },
): unknown {
  if (aborted)
    return new EngineError('ERR_ABORTED', `${what} was aborted; nothing is left of it`, { cause: error });
  const failure = toEngineError(error);
  if (!isEngineError(failure, 'ERR_NO_SPACE')) return failure;
  return new EngineError(
    'ERR_NO_SPACE',
    `the disk is full: ${what} needs more room below ${root}. Free some space (remove images and containers, or use ` +
      'another root) and try again; nothing is left of it',
    { cause: failure, details: { ...failure.details, root } },
  );
}
