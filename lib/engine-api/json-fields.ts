import type { JsonObject } from './json-body.ts';
import { badRequest } from './refusal.ts';

/**
 * Fields of a JSON object as Go reads them: names in any case, `null` as absent, and a value of the wrong type refused by name.
 * Absent is undefined.
 */
export class Fields {
  readonly #values = new Map<string, unknown>();
  readonly #path: string;
  readonly #read = new Set<string>();

  constructor(object: JsonObject, path = '') {
    for (const [name, value] of Object.entries(object))
      if (value !== null) this.#values.set(name.toLowerCase(), value);
    this.#path = path;
  }

  text(name: string): string | undefined {
    return this.#typed(name, 'string', (value) => (typeof value === 'string' ? value : undefined));
  }

  flag(name: string): boolean | undefined {
    return this.#typed(name, 'bool', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  integer(name: string): number | undefined {
    return this.#typed(name, 'int', (value) => (Number.isSafeInteger(value) ? (value as number) : undefined));
  }

  number(name: string): number | undefined {
    return this.#typed(name, 'number', (value) => (typeof value === 'number' ? value : undefined));
  }

  texts(name: string): string[] | undefined {
    return this.#typed(name, 'list of strings', (value) => (isTexts(value) ? value : undefined));
  }

  /** A text, or several: docker's strslice. */
  textOrTexts(name: string): string[] | undefined {
    return this.#typed(name, 'string or list of strings', (value) => {
      if (typeof value === 'string') return [value];
      return isTexts(value) ? value : undefined;
    });
  }

  /** An object whose values are texts. */
  textMap(name: string): Record<string, string> | undefined {
    return this.#typed(name, 'object of strings', (value) => {
      if (!isObject(value)) return undefined;
      const entries = Object.entries(value).map(([key, text]) => [key, text ?? ''] as const);
      return entries.every(([, text]) => typeof text === 'string')
        ? (Object.fromEntries(entries) as Record<string, string>)
        : undefined;
    });
  }

  /** The names of an object's fields, such as `{"80/tcp": {}}`. */
  keys(name: string): string[] | undefined {
    return this.#typed(name, 'object', (value) => (isObject(value) ? Object.keys(value) : undefined));
  }

  object(name: string): Fields | undefined {
    const value = this.#typed(name, 'object', (value) => (isObject(value) ? value : undefined));
    return value && new Fields(value, this.#pathOf(name));
  }

  objects(name: string): Fields[] | undefined {
    return this.#typed(name, 'list of objects', (value) =>
      Array.isArray(value) && value.every(isObject)
        ? value.map((item, index) => new Fields(item, `${this.#pathOf(name)}[${index}]`))
        : undefined,
    );
  }

  /** An object of objects, by their names; null is an empty one. */
  objectMap(name: string): [string, Fields][] | undefined {
    return this.#typed(name, 'object of objects', (value) => {
      if (!isObject(value)) return undefined;
      const entries = Object.entries(value).map(([key, item]) => [key, item ?? {}] as const);
      if (!entries.every(([, item]) => isObject(item))) return undefined;
      return entries.map(([key, item]) => [
        key,
        new Fields(item as JsonObject, `${this.#pathOf(name)}.${key}`),
      ]);
    });
  }

  /** An object of lists of objects, such as port bindings; null is an empty list. */
  objectListMap(name: string): [string, Fields[]][] | undefined {
    const map = this.#typed(name, 'object of lists', (value) => (isObject(value) ? value : undefined));
    if (map === undefined) return undefined;
    const inner = new Fields(map, this.#pathOf(name));
    return Object.keys(map).map((key) => [key, inner.objects(key) ?? []]);
  }

  /** As it stands. */
  raw(name: string): unknown {
    this.#read.add(name.toLowerCase());
    return this.#values.get(name.toLowerCase());
  }

  /** Fields that are there and that nobody has asked for. */
  unread(): string[] {
    return [...this.#values.keys()].filter((name) => !this.#read.has(name));
  }

  /** Where a field stands, for messages: `HostConfig.Memory`. */
  pathOf(name: string): string {
    return this.#pathOf(name);
  }

  #typed<T>(name: string, type: string, convert: (value: unknown) => T | undefined): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const converted = convert(value);
    if (converted !== undefined) return converted;
    throw badRequest(
      `json: cannot unmarshal ${kindOf(value)} into field ${this.#pathOf(name)} of type ${type}`,
    );
  }

  #pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}
