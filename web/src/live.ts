import type { ChangeDocument } from '../../lib/registry-server/api-documents.ts';

type Listener = (changes: readonly ChangeDocument[]) => void;

const listeners = new Set<Listener>();
let source: EventSource | undefined;
let waiting: ChangeDocument[] = [];
let isAgain = false;
let tellState: (isLive: boolean) => void = () => undefined;

/** Milliseconds in which changes are gathered: a push of many layers asks once. */
const pause = 250;
/** Milliseconds before it is tried again where the registry has refused. */
const patience = 5000;

/** Calls `listener` for what changes in the registry, until the answer is called. */
export function onChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Begins to listen, anew for whoever has signed in, and tells whether it does. */
export function listen(onState: (isLive: boolean) => void): void {
  tellState = onState;
  source?.close();
  source = undefined;
  isAgain = false;
  if (!document.hidden) connect();
}

// A window that nobody sees holds no connection: browsers allow six to one host, of all their windows.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) return connect();
  source?.close();
  source = undefined;
});

function connect(): void {
  if (source !== undefined) return;
  const mine = new EventSource('/api/v1/events');
  source = mine;
  mine.onopen = () => {
    tellState(true);
    // What happened meanwhile is not told.
    if (isAgain)
      for (const topic of ['repositories', 'accounts', 'runs', 'audit'] as const) gather({ topic });
    isAgain = true;
  };
  mine.onmessage = ({ data }) => gather(JSON.parse(data) as ChangeDocument);
  mine.onerror = () => {
    tellState(false);
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => retry(mine), patience);
  };
}

/** The browser itself tries again where a connection was cut, and not where the registry refused. */
function retry(refused: EventSource): void {
  if (source !== refused) return;
  source = undefined;
  if (!document.hidden) connect();
}

function gather(change: ChangeDocument): void {
  waiting.push(change);
  if (waiting.length === 1) setTimeout(tell, pause);
}

function tell(): void {
  const changes = waiting;
  waiting = [];
  for (const listener of listeners) listener(changes);
}
