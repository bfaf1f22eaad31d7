/** native/events as the library sees it: the journal's one writer. */
import { native } from './load.ts';

/**
 * Appends an event, a JSON object without its time, to the journal of `directory`. False: it could not be written. See
 * NativeAddon.appendEvent.
 */
export function appendEvent(directory: string, object: string): boolean {
  return native.appendEvent(directory, `${object.slice(1)}\n`);
}
