import type { ImageSummary } from '../images/index.ts';
import { matchesFamiliar } from '../reference/index.ts';
import { invalidFlag } from './flag-values.ts';
import { parseLogTime } from './log-time.ts';

/** What a filter asks of one image. */
export type ImageTest = (image: ImageSummary) => boolean;

/** What `before` and `since` are measured against. */
export type FindCreated = (reference: string) => Promise<string | null>;

type MakeTest = (value: string, created: FindCreated) => ImageTest | Promise<ImageTest>;

const makers: Readonly<Record<string, MakeTest>> = {
  // What has a digest for a name is in both.
  dangling: (value) =>
    parseBoolean(value)
      ? ({ references }) => references.length === 0
      : ({ references, digests }) => references.length + digests.length > 0,
  label: (value) => hasLabel(value),
  'label!': (value) => {
    const test = hasLabel(value);
    return (image) => !test(image);
  },
  before: async (value, created) => {
    const limit = (await created(value)) ?? '';
    return ({ createdAt }) => timeOf(createdAt) < timeOf(limit);
  },
  since: async (value, created) => {
    const limit = (await created(value)) ?? '';
    return ({ createdAt }) => timeOf(createdAt) > timeOf(limit);
  },
  until: (value) => {
    const limit = Date.parse(String(parseLogTime('--filter until', value)));
    return ({ createdAt }) => timeOf(createdAt) < limit;
  },
  reference: (value) => {
    refuseNoPattern(value);
    return ({ references, digests }) =>
      [...references, ...digests].some((name) => matchesFamiliar(name, value));
  },
};

/**
 * docker's --filter for images: different keys must all hold; of one key's values one, but of labels all. `keys`: those
 * that the command knows. @throws EngineError ERR_INVALID_ARGUMENT, and what finding an image fails with
 */
export async function parseImageFilters(
  texts: readonly string[],
  keys: readonly string[],
  created: FindCreated = async () => null,
): Promise<ImageTest> {
  const byKey = new Map<string, ImageTest[]>();
  for (const text of texts) {
    const [, key = '', value = ''] = /^([a-z]+!?)=(.*)$/s.exec(text) ?? [];
    const make = makers[key];
    if (make === undefined || !keys.includes(key.replace('!', '')))
      throw invalidFlag('--filter', text, `write key=value; known keys are ${keys.join(', ')}`);
    byKey.set(key, [...(byKey.get(key) ?? []), await make(value, created)]);
  }
  return (image) =>
    [...byKey].every(([key, tests]) =>
      key.startsWith('label') ? tests.every((test) => test(image)) : tests.some((test) => test(image)),
    );
}

/** Also where there is no image to compare with. */
function refuseNoPattern(pattern: string): void {
  try {
    matchesFamiliar('a', pattern);
  } catch (error) {
    throw invalidFlag('--filter', `reference=${pattern}`, (error as Error).message);
  }
}

/** Whether a listed name is among those that `reference` filters ask for; docker lists an image under these alone. */
export function parseNameFilters(texts: readonly string[]): (name: string) => boolean {
  const patterns = texts.filter((text) => text.startsWith('reference=')).map((text) => text.slice(10));
  return (name) => patterns.length === 0 || patterns.some((pattern) => matchesFamiliar(name, pattern));
}

/** For commander: collects the values of an option that may be repeated. */
export function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}

function hasLabel(text: string): (thing: { labels: Readonly<Record<string, string>> }) => boolean {
  const [key = '', wanted] = text.split(/=(.*)/s);
  return ({ labels }) => Object.hasOwn(labels, key) && (wanted === undefined || labels[key] === wanted);
}

function parseBoolean(value: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalidFlag('--filter', `dangling=${value}`, 'write true or false');
}

/** An image without a time is older than all others. */
function timeOf(text: string | null): number {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}
