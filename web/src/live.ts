import type { ChangeDocument } from '../../lib/registry-server/api-documents.ts';

type Listener = (changes: readonly ChangeDocument[]) => void;

const listeners = new Set<Listener>();
let source: EventSource | undefined;
let waiting: ChangeDocument[] = [];
let isConnected = false;

/** Milliseconds in which changes are gathered: a push of many layers asks once. */
const pause = 300;

/** Calls `listener` for what changes in the registry, until the answer is called. */
export function onChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Begins to listen, anew for whoever has signed in. The browser itself connects again when it is cut. */
export function listen(onState: (isLive: boolean) => void): void {
  source?.close();
  source = new EventSource('/api/v1/events');
  source.onopen = () => {
    onState(true);
    // What happened while it was cut is not told.
    if (isConnected)
      for (const topic of ['repositories', 'accounts', 'runs', 'audit'] as const) gather({ topic });
    isConnected = true;
  };
  source.onerror = () => onState(false);
  source.onmessage = ({ data }) => gather(JSON.parse(data) as ChangeDocument);
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
