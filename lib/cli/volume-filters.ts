import type { VolumeFilters } from '../volumes/index.ts';
import { invalidFlag } from './flag-values.ts';

/** docker's --filter for volumes. `keys`: those that the command knows. @throws EngineError ERR_INVALID_ARGUMENT */
export function parseVolumeFilters(
  texts: readonly string[],
  keys: readonly string[],
): VolumeFilters & { all?: boolean } {
  const values = new Map<string, string[]>();
  for (const text of texts) {
    const [, key = '', value = ''] = /^([a-z]+!?)=(.*)$/s.exec(text) ?? [];
    if (!keys.includes(key))
      throw invalidFlag('--filter', text, `write key=value; known keys are ${keys.join(', ')}`);
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  const driver = values.get('driver');
  const list = (name: 'name' | 'label' | 'notLabel', key: string) => {
    const found = values.get(key);
    return found && { [name]: found };
  };
  return {
    ...list('name', 'name'),
    ...list('label', 'label'),
    ...list('notLabel', 'label!'),
    ...truthOf('dangling', values.get('dangling')),
    ...truthOf('all', values.get('all')),
    ...(driver && !driver.includes('local') && { name: [] }), // there is no other driver, and so no volume of it
  };
}

function truthOf(key: 'dangling' | 'all', values: readonly string[] | undefined) {
  if (values === undefined) return undefined;
  const truths = new Set(values.map((value) => parseTruth(key, value)));
  return truths.size === 2 ? undefined : { [key]: truths.has(true) };
}

function parseTruth(key: string, value: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalidFlag('--filter', `${key}=${value}`, 'write true or false');
}
