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

/** Runs actions one after the other, in the order in which they were asked for. */
export function serialRun(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const run = last.then(action);
    last = run.catch(() => {});
    return run;
  };
}
