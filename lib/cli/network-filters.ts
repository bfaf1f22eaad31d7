import type { NetworkFilters } from '../network/index.ts';
import { invalidFlag } from './flag-values.ts';

const keys = ['id', 'name', 'driver', 'label'] as const;

/** docker's --filter for networks. @throws EngineError ERR_INVALID_ARGUMENT */
export function parseNetworkFilters(texts: readonly string[]): NetworkFilters {
  const filters: { -readonly [Key in keyof NetworkFilters]: NetworkFilters[Key] } = {};
  for (const text of texts) {
    const [key = '', value = ''] = text.split(/=(.*)/s);
    const list = keys.find((name) => name === key);
    if (list !== undefined) filters[list] = [...(filters[list] ?? []), value];
    else if (key === 'dangling' && /^(true|false|1|0)$/.test(value))
      filters.dangling = value === 'true' || value === '1';
    else throw invalidFlag('--filter', text, `write key=value; known keys are ${keys.join(', ')}, dangling`);
  }
  return filters;
}
