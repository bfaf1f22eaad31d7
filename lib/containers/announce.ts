import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';

/** Puts into the journal what has just happened to a container. `start`, `die`, `oom` and the like are its monitor's to tell. */
export function announce(
  { events }: ContainersContext,
  record: ContainerRecord,
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  events.emit({ type: 'container', action, id: record.id, attributes: { ...attributesOf(record), ...more } });
}

/** For task.json and exec.json: what its monitor says of it. */
export function eventSource({ events }: ContainersContext, record: ContainerRecord) {
  return { directory: events.directory, id: record.id, attributes: bounded(attributesOf(record)) };
}

function attributesOf({ name, image, spec }: ContainerRecord): Record<string, string> {
  return { ...image.process.labels, ...spec.labels, image: image.reference, name };
}

/** Labels that would not fit into an event are left out of those that its monitor writes. */
function bounded(attributes: Record<string, string>): Record<string, string> {
  const { image = '', name = '' } = attributes;
  return JSON.stringify(attributes).length < 16_000 ? attributes : { image, name };
}
