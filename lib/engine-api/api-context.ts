import type { Engine } from '../engine/index.ts';
import type { WaitingSessions } from './waiting-sessions.ts';

/** What all requests share. */
export interface ApiContext {
  readonly engine: Engine;
  /** The network of containers whose creator names none. */
  readonly defaultNetwork: string;
  /** Clients that have attached before the start. */
  readonly waiting: WaitingSessions;
  /** Ids of the containers that are being removed for a client. */
  readonly removing: Set<string>;
}
