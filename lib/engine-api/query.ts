import { badRequest } from './refusal.ts';

/** The query of a request, read as docker reads it. */
export class Query {
  readonly #parameters: URLSearchParams;

  /** @param text what is behind the `?` */
  constructor(text: string) {
    this.#parameters = new URLSearchParams(text);
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** '' when it is absent. */
  text(name: string): string {
    return this.#parameters.get(name) ?? '';
  }

  /** Undefined when it is absent or empty. */
  optional(name: string): string | undefined {
    return this.text(name) || undefined;
  }

  all(name: string): string[] {
    return this.#parameters.getAll(name);
  }

  /** All but '', '0', 'no', 'false' and 'none' is true (docker's httputils.BoolValue). */
  flag(name: string, whenAbsent = false): boolean {
    if (!this.has(name)) return whenAbsent;
    return !['', '0', 'no', 'false', 'none'].includes(this.text(name).trim().toLowerCase());
  }

  /** A whole number; undefined when it is absent or empty. @throws Refusal 400 */
  integer(name: string): number | undefined {
    const text = this.text(name).trim();
    if (text === '') return undefined;
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value))
      throw badRequest(
        `invalid ${name}: strconv.Atoi: parsing ${JSON.stringify(text.slice(0, 40))}: invalid syntax`,
      );
    return value;
  }

  /** A number that may have a fraction, such as seconds since 1970. @throws Refusal 400 */
  number(name: string): number | undefined {
    const text = this.text(name).trim();
    if (text === '') return undefined;
    const value = Number(text);
    if (!Number.isFinite(value))
      throw badRequest(`invalid value for ${JSON.stringify(name)}: ${text.slice(0, 40)}`);
    return value;
  }
}
