/**
 * Makes one run of an expensive action serve everybody who asked before it began: a call during a run waits for the next
 * one, and all calls that wait share it. For syncfs(2), which several layers that finish together need once.
 */
export function sharedRun(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  return () => {
    next ??= (running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        running = next;
        next = undefined;
        return action();
      });
    return next;
  };
}
