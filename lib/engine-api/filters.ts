import type { Query } from './query.ts';
import { badRequest } from './refusal.ts';

/** What a list is narrowed to: of different filters all must hold. */
export type Filters = ReadonlyMap<string, readonly string[]>;

const mostValues = 10_000;

/**
 * The parameter `filters`: JSON, `{"label": ["a=b"]}`, or the older `{"label": {"a=b": true}}`.
 * @param known the names that this list has
 * @throws Refusal 400 for what is no such JSON, or a filter that is not `known`
 */
export function parseFilters(query: Query, known: readonly string[]): Filters {
  const text = query.text('filters');
  if (text === '') return new Map();
  const entries = Object.entries(parseObject(text)).map(
    ([name, values]) => [name, valuesOf(values)] as const,
  );
  const unknown = entries.find(([name]) => !known.includes(name));
  if (unknown) throw badRequest(`invalid filter '${unknown[0].slice(0, 100)}'`);
  if (entries.reduce((sum, [, values]) => sum + values.length, 0) > mostValues)
    throw badRequest(`invalid filter: more than ${mostValues} values`);
  return new Map(entries.filter(([, values]) => values.length > 0));
}

/** A filter that is a bool, such as `dangling`; undefined when it is absent. @throws Refusal 400 */
export function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const values = filters.get(name);
  if (values === undefined) return undefined;
  const isTrue = values.some((value) => ['1', 'true'].includes(value));
  const isFalse = values.some((value) => ['0', 'false'].includes(value));
  if (isTrue === isFalse) throw badRequest(`invalid filter '${name}=[${values.join(' ')}]'`);
  return isTrue;
}

/** Whether `labels` have all of `label` (`key` or `key=value`) and, with `label!`, none of those. */
export function matchesLabels(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  const has = (wanted: string) => {
    const at = wanted.indexOf('=');
    const key = at === -1 ? wanted : wanted.slice(0, at);
    return Object.hasOwn(labels, key) && (at === -1 || labels[key] === wanted.slice(at + 1));
  };
  return (filters.get('label') ?? []).every(has) && !(filters.get('label!') ?? []).some(has);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text) ?? {}; // Go's clients write a map that is nil as null
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (error) {
    throw badRequest(`invalid filter: ${(error as Error).message}`, error);
  }
  throw badRequest('invalid filter: an object of lists was expected');
}

function valuesOf(values: unknown): string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return values;
  if (typeof values === 'object' && values !== null && !Array.isArray(values)) return Object.keys(values);
  throw badRequest('invalid filter: the values of a filter are a list of texts');
}
