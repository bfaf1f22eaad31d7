import type { EngineEvent } from '../../events/index.ts';
import { unixNanoseconds, unixSeconds } from './times.ts';

/**
 * An event as Docker writes it, one line of JSON without its end. `status`, `id` and `from` are of before 1.22, and were written
 * beside the others until 1.51. The time in nanoseconds is a number of more digits than JSON.stringify knows.
 */
export function eventLine(event: EngineEvent, minor: number): string {
  const document = JSON.stringify({ ...(minor < 52 && legacyFields(event)), ...eventDocument(event) });
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
