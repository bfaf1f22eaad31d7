/**
 * A promise that is settled from outside, for work that several wait for and only one does. A leaf room: it imports
 * nothing. Promise.withResolvers takes its place when Node 20 is no longer supported.
 */
export { Deferred } from './deferred.ts';
