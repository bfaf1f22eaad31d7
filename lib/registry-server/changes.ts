import type { ChangeDocument } from './api-documents.ts';
import type { RegistryEvent } from './registry-event.ts';

type Listener = (change: ChangeDocument) => void;

/** What changes in this process's registry, for whoever watches it: the page. Of other processes on the storage nothing is told. */
export class Changes {
  readonly #listeners = new Set<Listener>();
  readonly #ends = new Set<() => void>();

  get watchers(): number {
    return this.#listeners.size;
  }

  announce(change: ChangeDocument): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** Calls `listener` for each change, and `end` when the registry closes, until the answer is called. */
  watch(listener: Listener, end: () => void): () => void {
    this.#listeners.add(listener);
    this.#ends.add(end);
    return () => {
      this.#listeners.delete(listener);
      this.#ends.delete(end);
    };
  }

  /** Ends what watches, which else would keep a port open. */
  close(): void {
    for (const end of [...this.#ends]) end();
  }
}

/** What was done for somebody, as a change; undefined: nothing changed by it. */
export function changeOf({ action, repository, tag, by }: RegistryEvent): ChangeDocument | undefined {
  if (action === 'pull') return undefined;
  return { topic: 'repositories', action, repository, by, ...(tag !== undefined && { tag }) };
}
