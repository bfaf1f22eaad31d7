/**
 * What has happened below a root: an append-only journal on disk (ROOT/events) that every process writes to and reads,
 * monitors too (native/events), and that is bounded. It knows no container and no image: whoever does something says so.
 * There is no daemon: whoever follows watches the file. Events are no state: the files of a container are.
 */
export type { EngineEvent, EventFilters, EventOptions, EventType } from './engine-event.ts';
export { filterNames } from './event-filter.ts';
export { EventJournal } from './event-journal.ts';
export { parseEvent } from './read-events.ts';
