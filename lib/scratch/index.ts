/**
 * Scratch directories: each belongs to one living process and goes with it. Whoever makes something that must not be seen
 * half-made makes it here and renames it into place; `sweepScratches` removes what dead processes left. A leaf room: it
 * knows nothing of what is made.
 */
export { makeDirectory } from './make-directory.ts';
export { createScratch, deadScratches, livingScratches, type Scratch, sweepScratches } from './scratch.ts';
export { syncDirectory } from './sync-directory.ts';
export { waitForLock } from './wait-for-lock.ts';
export { type WriteWholeOptions, writeWhole } from './write-whole.ts';
