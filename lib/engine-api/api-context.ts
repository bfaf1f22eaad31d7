import type { Engine } from '../engine/index.ts';
import type { WaitingSessions } from './waiting-sessions.ts';

/** Of a terminal, in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** What all requests share. */
export interface ApiContext {
  readonly engine: Engine;
  /** The network of containers whose creator names none. */
  readonly defaultNetwork: string;
  /** Clients that have attached before the start. */
  readonly waiting: WaitingSessions;
  /** Of terminals that have not been started, by their containers' ids: what their creator's terminal measured. */
  readonly consoleSizes: Map<string, TerminalSize>;
  /** Ids of the containers that are being removed for a client. */
  readonly removing: Set<string>;
}
