/**
 * Whether a root is in order: everything that is written below it can be read and fits together, and nothing is left of
 * processes that died. It looks while others use the root, and repairs with the means of the rooms whose things are damaged;
 * what cannot be repaired without loss is put aside, never deleted. Bits of layers and blobs are `scrub`'s to compare.
 */
export { type CheckContext, checkRoot } from './check-root.ts';
export type { CheckOptions, CheckReport, Finding, FindingCode, RepairOutcome } from './finding.ts';
export { findingCodes } from './finding.ts';
