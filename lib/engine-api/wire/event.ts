import type { EngineEvent } from '../../events/index.ts';
import { familiar } from './image.ts';
import { unixNanoseconds, unixSeconds } from './times.ts';

/**
 * An event as Docker writes it, one line of JSON without its end. `status`, `id` and `from` are of before 1.22, and were written
 * beside the others until 1.51. The time in nanoseconds is a number of more digits than JSON.stringify knows.
 */
export function eventLine(event: EngineEvent, minor: number): string {
  const shown =
    event.type === 'image' ? imageEvent(event) : event.type === 'volume' ? volumeEvent(event) : event;
  const document = JSON.stringify({ ...(minor < 52 && legacyFields(shown)), ...eventDocument(shown) });
  return `${document.slice(0, -1)},"timeNano":${unixNanoseconds(event.time)}}`;
}

function eventDocument({ time, type, action, id, attributes }: EngineEvent) {
  return {
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: 'local',
    time: unixSeconds(time),
  };
}

/** Of containers and images alone. */
function legacyFields({ type, action, id, attributes }: EngineEvent) {
  if (type === 'container')
    return { status: action, id, ...(attributes.image !== undefined && { from: attributes.image }) };
  return type === 'image' ? { status: action, ...(id !== '' && { id }) } : {};
}

/** Images are called as people call them; one that has no name is called by its id. */
function imageEvent({ id, attributes, ...event }: EngineEvent): EngineEvent {
  const shown = nameOf(id);
  const name = attributes.name === undefined ? shown : nameOf(attributes.name);
  return { ...event, id: shown, attributes: { ...attributes, ...(name !== '' && { name }) } };
}

/** There is one driver of volumes. */
function volumeEvent(event: EngineEvent): EngineEvent {
  return { ...event, attributes: { driver: 'local', ...event.attributes } };
}

function nameOf(text: string): string {
  return text === '' || text.startsWith('sha256:') ? text : familiar(text);
}
