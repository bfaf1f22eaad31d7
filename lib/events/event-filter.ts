import type { EngineEvent, EventFilters } from './engine-event.ts';

type Test = (event: EngineEvent, value: string) => boolean;

const tests: Readonly<Record<keyof EventFilters, Test>> = {
  type: ({ type }, value) => type === value,
  event: ({ action }, value) => action === value || action.startsWith(`${value}:`),
  container: (event, value) => isAbout('container', event, value),
  volume: (event, value) => isAbout('volume', event, value),
  network: (event, value) => isAbout('network', event, value),
  image: ({ type, id, attributes }, value) => {
    const name = attributes[type === 'container' ? 'image' : 'name'] ?? '';
    return [id, name, withoutTag(id), withoutTag(name)].includes(value);
  },
  label: ({ attributes }, value) => {
    const [key = '', wanted] = value.split(/=(.*)/s);
    return Object.hasOwn(attributes, key) && (wanted === undefined || attributes[key] === wanted);
  },
};

/** The names of the filters. */
export const filterNames = Object.keys(tests) as (keyof EventFilters)[];

/** Whether an event is one of those that were asked for, by docker's rules. */
export function matches(event: EngineEvent, filters: EventFilters): boolean {
  return filterNames.every((name) => {
    const values = filters[name];
    if (values === undefined || values.length === 0) return true;
    const test = (value: string) => tests[name](event, value);
    return name === 'label' ? values.every(test) : values.some(test);
  });
}

function isAbout(type: string, event: EngineEvent, value: string): boolean {
  return (
    event.type === type && (event.id.startsWith(value) || event.attributes.name?.startsWith(value) === true)
  );
}

function withoutTag(reference: string): string {
  return reference.replace(/:[^:/@]*$/, '');
}
