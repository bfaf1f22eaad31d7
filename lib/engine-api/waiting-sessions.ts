import type { Engine } from '../engine/index.ts';
import { type AttachSession, connectSessions } from './attach-session.ts';

/**
 * Clients that have attached to containers which do not run: they hear the next run from its first byte when it is started through
 * this server, and from shortly after its start when another program starts it.
 */
export class WaitingSessions {
  readonly #engine: Engine;
  readonly #waiting = new Map<string, Set<AttachSession>>();
  readonly #followers = new Map<string, AbortController>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Until the container is started or removed, or the client has gone. */
  add(id: string, session: AttachSession): void {
    const sessions = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, sessions.add(session));
    session.output.onClose(() => this.#drop(id, session));
    if (!this.#followers.has(id)) this.#follow(id);
  }

  /** Those that wait for the container, who no longer do. */
  take(id: string): AttachSession[] {
    const sessions = [...(this.#waiting.get(id) ?? [])];
    this.#forget(id);
    return sessions;
  }

  /** Ends all of them. */
  close(): void {
    for (const id of [...this.#waiting.keys()]) for (const { stream } of this.take(id)) stream.destroy();
  }

  #drop(id: string, session: AttachSession): void {
    const sessions = this.#waiting.get(id);
    if (sessions?.delete(session) && sessions.size === 0) this.#forget(id);
  }

  #forget(id: string): void {
    this.#waiting.delete(id);
    this.#followers.get(id)?.abort();
    this.#followers.delete(id);
  }

  #follow(id: string): void {
    const stop = new AbortController();
    this.#followers.set(id, stop);
    this.#hear(id, stop.signal).catch(() => undefined); // aborted
  }

  async #hear(id: string, signal: AbortSignal): Promise<void> {
    const filters = { type: ['container'], container: [id], event: ['start', 'destroy'] };
    for await (const { action } of this.#engine.events({ filters, signal })) {
      const sessions = this.take(id);
      if (action === 'destroy') for (const { output } of sessions) output.end();
      else await this.#attachLate(id, sessions);
      return;
    }
  }

  async #attachLate(id: string, sessions: readonly AttachSession[]): Promise<void> {
    try {
      const attachment = await this.#engine.containers.attach(id, selectionOf(sessions));
      await connectSessions(attachment, sessions);
    } catch {
      for (const { output } of sessions) output.end(); // it has ended already
    }
  }
}

/** What of a process's stdio its clients want together. */
export function selectionOf(sessions: readonly AttachSession[]) {
  return {
    stdin: sessions.some(({ stdin }) => stdin),
    stdout: sessions.some(({ stdout }) => stdout),
    stderr: sessions.some(({ stderr }) => stderr),
  };
}
