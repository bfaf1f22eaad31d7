import type { ContainerInfo } from '../containers/index.ts';
import { invalidFlag } from './flag-values.ts';

type Test = (container: ContainerInfo, value: string) => boolean;

const tests: Readonly<Record<string, Test>> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ name }, value) => name.includes(value.replace(/^\/|\^|\$$/g, '')),
  label: ({ labels }, value) => {
    const [key = '', wanted] = value.split(/=(.*)/s);
    return key in labels && (wanted === undefined || labels[key] === wanted);
  },
  status: ({ state }, value) => state.status === value,
  exited: ({ state }, value) => state.status === 'exited' && state.exitCode === Number(value),
  ancestor: ({ image, imageId }, value) => image === value || imageId === value,
};

/** docker's --filter: different keys must all hold; of one key's values one, but of labels all. */
export function parseFilters(texts: readonly string[]): {
  matches(container: ContainerInfo): boolean;
  status: boolean;
} {
  const byKey = new Map<string, string[]>();
  for (const text of texts) {
    const [key = '', value] = text.split(/=(.*)/s);
    if (!(key in tests) || value === undefined) {
      throw invalidFlag('--filter', text, `write key=value; known keys are ${Object.keys(tests).join(', ')}`);
    }
    byKey.set(key, [...(byKey.get(key) ?? []), value]);
  }
  return {
    status: byKey.has('status') || byKey.has('exited'),
    matches: (container) => [...byKey].every(([key, values]) => holds(container, key, values)),
  };
}

function holds(container: ContainerInfo, key: string, values: readonly string[]): boolean {
  const test = (value: string) => tests[key]?.(container, value) ?? false;
  return key === 'label' ? values.every(test) : values.some(test);
}
