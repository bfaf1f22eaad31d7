/** A signal that follows others; `release` ends that. */
export interface JoinedSignal {
  readonly signal: AbortSignal;
  release(): void;
}

/**
 * Joins signals, and a deadline in milliseconds. AbortSignal.any would do, but in Node 20 it holds its sources weakly: an
 * AbortSignal.timeout that nobody else holds is collected and never fires.
 */
export function joinSignals(sources: readonly (AbortSignal | undefined)[], deadline?: number): JoinedSignal {
  const controller = new AbortController();
  const signals = sources.filter((source) => source !== undefined);
  const follow = () => controller.abort(signals.find(({ aborted }) => aborted)?.reason);
  const expire = () => controller.abort(new DOMException(`no answer within ${deadline} ms`, 'TimeoutError'));
  const timer = deadline === undefined ? undefined : setTimeout(expire, deadline);
  for (const signal of signals) signal.addEventListener('abort', follow, { once: true });
  if (signals.some(({ aborted }) => aborted)) follow();
  return {
    signal: controller.signal,
    release() {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', follow);
    },
  };
}
