import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ChangeDocument } from '../../lib/registry-server/api-documents.ts';
import { ApiError } from './api.ts';
import { onChange } from './live.ts';

/** What was asked for: what is known of it, and what went wrong. */
export interface Loaded<T> {
  readonly value?: T;
  readonly error?: ApiError;
  /** Asks again. */
  readonly again: () => void;
}

/**
 * Asks when it is first shown, when what it is about changes (`key`), and when the registry tells of a change that `concerns` it.
 * What was known of the same key stays meanwhile.
 */
export function useLoad<T>(
  key: string,
  ask: () => Promise<T>,
  concerns: (change: ChangeDocument) => boolean = () => false,
): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: ApiError }>({ key });
  const latest = useRef({ key, ask, concerns, turn: 0 });
  latest.current = { ...latest.current, key, ask, concerns };
  const again = useCallback(() => {
    latest.current.turn++;
    const { turn, key: asked } = latest.current;
    const isLatest = () => latest.current.turn === turn && latest.current.key === asked;
    latest.current.ask().then(
      (value) => isLatest() && setState({ key: asked, value }),
      (error) => isLatest() && setState({ key: asked, error: asApiError(error) }),
    );
  }, []);
  useEffect(again, [key]);
  useEffect(() => onChange((changes) => changes.some(latest.current.concerns) && again()), []);
  return state.key === key ? { ...state, again } : { again };
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, String(error));
}
