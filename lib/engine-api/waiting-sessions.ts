import type { ContainerInfo, ContainerState } from '../containers/index.ts';
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

  /**
   * Until the container is started or removed, or the client has gone.
   * @param info what the container was when the client came: it may have been started since
   */
  async add({ id, state }: Pick<ContainerInfo, 'id' | 'state'>, session: AttachSession): Promise<void> {
    this.putBack(id, session);
    const now = await this.#engine.containers.inspect(id).catch(() => undefined);
    const isSame = now?.state.status === state.status && endOf(now.state) === endOf(state);
    if (isSame || !this.#drop(id, session)) return;
    await this.#attachLate(id, [session]);
  }

  /** One that was taken for a start that has failed. */
  putBack(id: string, session: AttachSession): void {
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

  /** Whether it was waiting still. */
  #drop(id: string, session: AttachSession): boolean {
    const sessions = this.#waiting.get(id);
    if (!sessions?.delete(session)) return false;
    if (sessions.size === 0) this.#forget(id);
    return true;
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

function endOf(state: ContainerState): string | undefined {
  return state.status === 'exited' ? state.finishedAt : undefined;
}

/** What of a process's stdio its clients want together. */
export function selectionOf(sessions: readonly AttachSession[]) {
  return {
    stdin: sessions.some(({ stdin }) => stdin),
    stdout: sessions.some(({ stdout }) => stdout),
    stderr: sessions.some(({ stderr }) => stderr),
  };
}
