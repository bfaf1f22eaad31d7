import { mkdirSync } from 'node:fs';
import { appendEvent } from '../../bindings/events.ts';
import type { EngineEvent, EventOptions } from './engine-event.ts';
import { readEvents } from './read-events.ts';

/** Bytes; native/events/journal.h refuses longer lines. What labels there are goes first. */
const longestLine = 60_000;

/** An event that happens now. */
export type NewEvent = Omit<EngineEvent, 'time' | 'attributes'> & Pick<Partial<EngineEvent>, 'attributes'>;

/** The events of one root. */
export class EventJournal {
  /** ROOT/events */
  readonly directory: string;

  constructor(root: string) {
    this.directory = `${root}/events`;
  }

  /** Makes the directory; an existing one is fine. */
  prepare(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
  }

  /**
   * Appends an event that has just happened. Synchronous: it takes microseconds. What cannot be written (a full disk) is
   * lost, since nothing may fail for it.
   */
  emit({ type, action, id, attributes = {} }: NewEvent): void {
    const event = { type, action, id };
    const text = JSON.stringify({ ...event, attributes });
    const isLong = text.length >= longestLine / 4 && Buffer.byteLength(text) >= longestLine;
    appendEvent(
      this.directory,
      isLong ? JSON.stringify({ ...event, attributes: essential(attributes) }) : text,
    );
  }

  /** See EventOptions. What happens after this call is seen, whenever the iteration begins. */
  read(options: EventOptions = {}): AsyncGenerator<EngineEvent> {
    return readEvents(`${this.directory}/journal`, options);
  }
}

/** What is never missing. */
function essential(attributes: Readonly<Record<string, string>>): Record<string, string> {
  const names = ['image', 'name', 'exitCode', 'signal', 'execID', 'oldName', 'container'];
  const kept = names.flatMap((name) =>
    name in attributes ? [[name, attributes[name]?.slice(0, 1000)]] : [],
  );
  return Object.fromEntries(kept);
}
