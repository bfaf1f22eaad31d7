/**
 * Where the time of an operation goes, across processes: with STRAKE_TRACE=1 each step is noted by the moment it ended, on
 * the clock that all processes of a machine share, and the whole is handed over once, at the end, so that telling it does
 * not show in the times. It is no log and no event: nothing else may depend on it.
 */
export { beginTrace, type OnTrace, type Trace, type TraceReport, type TraceStep } from './trace.ts';
