import { constants } from 'node:os';

/** What a shell or a supervisor sends to this program and means for the container. */
const proxied: readonly NodeJS.Signals[] = (Object.keys(constants.signals) as NodeJS.Signals[]).filter(
  (name) =>
    ![
      'SIGKILL',
      'SIGSTOP', // cannot be caught
      'SIGCHLD',
      'SIGPIPE',
      'SIGURG',
      'SIGWINCH', // ours
      'SIGTSTP',
      'SIGTTIN',
      'SIGTTOU',
      'SIGCONT', // job control of our own
      'SIGSEGV',
      'SIGBUS',
      'SIGFPE',
      'SIGILL',
      'SIGABRT',
      'SIGIOT',
      'SIGTRAP',
      'SIGSYS',
      'SIGPROF',
      'SIGVTALRM',
      'SIGSTKFLT',
      'SIGUNUSED',
      'SIGPOLL',
      'SIGIO',
      'SIGXCPU',
      'SIGXFSZ', // of the process itself
    ].includes(name),
);

/** Signals to this process go to `kill` until disposed. One that comes when the container has just ended is nothing. */
export function proxySignals(kill: (signal: string) => Promise<void>): Disposable {
  const handlers = proxied.map((name) => [name, () => void kill(name).catch(() => undefined)] as const);
  for (const [name, handler] of handlers) process.on(name, handler);
  return {
    [Symbol.dispose]: () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
