import { EngineError, type ErrorCode } from '../errors/index.ts';

/**
 * One object of a document from outside. Reads fields by name and type; what is absent or null reads as undefined (Go
 * writes null for an empty slice or map), what has the wrong type throws with the field's path and the document's code.
 */
export class JsonObject {
  readonly path: string;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #code: ErrorCode;

  constructor(value: unknown, path: string, code: ErrorCode) {
    this.path = path;
    this.#code = code;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.error('', `must be an object, not ${typeName(value)}`);
    }
    this.#fields = value as Record<string, unknown>;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name) && this.#fields[name] !== null;
  }

  string(name: string, max = 4096): string | undefined {
    if (!this.has(name)) return undefined;
    return this.#text(this.#fields[name], name, max);
  }

  requiredString(name: string, max = 4096): string {
    const value = this.string(name, max);
    if (value === undefined || value === '') throw this.error(name, 'is missing');
    return value;
  }

  /** A whole number from 0 to 2^53-1. */
  integer(name: string): number | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#fields[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.error(name, `must be a whole number from 0, not ${typeName(value)}`);
  }

  boolean(name: string): boolean | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#fields[name];
    if (typeof value === 'boolean') return value;
    throw this.error(name, `must be true or false, not ${typeName(value)}`);
  }

  object(name: string): JsonObject | undefined {
    return this.has(name) ? new JsonObject(this.#fields[name], this.#child(name), this.#code) : undefined;
  }

  requiredObject(name: string): JsonObject {
    const value = this.object(name);
    if (value === undefined) throw this.error(name, 'is missing');
    return value;
  }

  objects(name: string, max: number): JsonObject[] | undefined {
    return this.#list(name, max)?.map(
      (item, at) => new JsonObject(item, `${this.#child(name)}[${at}]`, this.#code),
    );
  }

  strings(name: string, max = 16_384): string[] | undefined {
    return this.#list(name, max)?.map((item, at) => this.#text(item, `${name}[${at}]`, 1 << 20));
  }

  stringMap(name: string): Record<string, string> | undefined {
    const map = this.object(name);
    if (map === undefined) return undefined;
    return Object.fromEntries(map.keys().map((key) => [key, map.string(key, 1 << 20) ?? '']));
  }

  keys(): string[] {
    return Object.keys(this.#fields);
  }

  error(name: string, complaint: string): EngineError {
    const path = name === '' ? this.path : this.#child(name);
    return new EngineError(this.#code, `${path} ${complaint}`, { details: { path } });
  }

  #list(name: string, max: number): unknown[] | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw this.error(name, `must be a list, not ${typeName(value)}`);
    if (value.length > max)
      throw this.error(name, `has ${value.length} entries; at most ${max} are accepted`);
    return value;
  }

  #text(value: unknown, name: string, max: number): string {
    if (typeof value !== 'string') throw this.error(name, `must be a string, not ${typeName(value)}`);
    if (value.length > max) throw this.error(name, `is longer than ${max} characters`);
    return value;
  }

  #child(name: string): string {
    return `${this.path}.${name.length > 60 ? `${name.slice(0, 60)}…` : name}`;
  }
}

/**
 * Parses a whole document. `what` names it in errors ("manifest", "image config").
 * @throws EngineError with the given code when it is over `limit` bytes, no UTF-8, no JSON or no object.
 */
export function parseJsonObject(bytes: Uint8Array, what: string, limit: number, code: ErrorCode): JsonObject {
  if (bytes.length > limit) {
    throw new EngineError(code, `the ${what} has ${bytes.length} bytes; at most ${limit} are accepted`);
  }
  return new JsonObject(parseJson(bytes, what, code), what, code);
}

function parseJson(bytes: Uint8Array, what: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new EngineError(code, `the ${what} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'number' ? `the number ${value}` : `a value of type ${typeof value}`;
}
