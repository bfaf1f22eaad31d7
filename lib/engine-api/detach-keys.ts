import { badRequest } from './refusal.ts';

const defaultKeys = 'ctrl-p,ctrl-q';

/** The bytes of docker's notation: `ctrl-p,ctrl-q`, `ctrl-a,d`. '' is the default. @throws Refusal 400 */
export function parseDetachKeys(text: string): Buffer {
  const bytes = (text || defaultKeys).split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control !== undefined)
      return control.toLowerCase() === '@' ? 0 : control.toUpperCase().charCodeAt(0) - 64;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw badRequest(`Invalid detach keys (${text.slice(0, 100)}) provided`);
  });
  return Buffer.from(bytes);
}

/** Looks for a sequence of keys in what is typed, across pieces. What could be its beginning is kept until it is known not to be. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What of the piece goes on; null when the sequence is complete. */
  filter(piece: Buffer): Buffer | null {
    const kept: number[] = [];
    for (const byte of piece) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return null;
        continue;
      }
      kept.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) kept.push(byte);
      else if (this.#keys.length === 1) return null;
    }
    return Buffer.from(kept);
  }
}
