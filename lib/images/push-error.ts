import { toEngineError } from '../../bindings/errors.ts';
import { EngineError } from '../errors/index.ts';

/** What a push fails with, as an EngineError whose message says what became of it. */
export function pushError(
  error: unknown,
  { reference, aborted }: { readonly reference: string; readonly aborted: boolean },
): unknown {
  if (!aborted) return toEngineError(error);
  const message = `the push of ${reference} was aborted; what the registry has got is not sent again by the next one`;
  return new EngineError('ERR_ABORTED', message, { cause: error, details: { reference } });
}
