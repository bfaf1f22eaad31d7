import type { Engine } from '../engine/index.ts';

/** What all requests share. */
export interface ApiContext {
  readonly engine: Engine;
}
