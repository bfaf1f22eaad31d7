import type { Digest } from '../oci/index.ts';

/** A layer by its chainId, or a blob (a manifest, a config, a compressed layer) by its digest. */
export interface ScrubbedPart {
  readonly kind: 'layer' | 'blob';
  readonly digest: Digest;
}

/** A part that is not what it was, or that an image needs and that is not there. */
export interface ScrubProblem extends ScrubbedPart {
  /** What is wrong with it. */
  readonly complaint: string;
  /** The names of the images that have it. */
  readonly images: readonly string[];
}

/** One part was looked at. */
export interface ScrubStep extends ScrubbedPart {
  readonly done: number;
  readonly total: number;
  readonly corrupt: boolean;
}

/** What a scrub has found, and what was done about it. */
export interface ScrubReport {
  readonly layers: number;
  readonly blobs: number;
  /** Layers of which the store keeps no bytes that they could be compared with. */
  readonly unverified: number;
  readonly problems: readonly ScrubProblem[];
  /** Of a repair. */
  readonly repairs: readonly Repair[];
}

/** What became of a corrupt part. */
export interface Repair extends ScrubbedPart {
  /** Whether the store has it again, whole. */
  readonly repaired: boolean;
  /** Where the corrupt one was put; null: it is deleted, since a whole one has taken its place. */
  readonly quarantine: string | null;
  /** Why it could not be had again. */
  readonly failure?: string;
}
