import { spawnSync } from 'node:child_process';
import type { ReadStream, WriteStream } from 'node:tty';

/** ctrl-p ctrl-q, docker's default. */
const detachKeys: readonly number[] = [0x10, 0x11];

/**
 * The terminal of this process in raw mode: keys go to the container as they are. Disposal restores it; so does every
 * other way out of the process that JavaScript sees.
 */
export class RawTerminal implements Disposable {
  readonly #input: ReadStream;
  readonly #restore: () => void;

  constructor(input: ReadStream) {
    this.#input = input;
    this.#restore = () => input.setRawMode(false);
    input.setRawMode(true);
    // libuv's raw mode goes on turning \n into \r\n, which the container's own terminal has done already.
    spawnSync('stty', ['-opost'], { stdio: [input, 'ignore', 'ignore'] });
    process.on('exit', this.#restore);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#restore);
    this.#input.setRawMode(false);
  }
}

/** Calls with the terminal's size now and whenever it changes, until disposed. */
export function followSize(output: WriteStream, resize: (rows: number, cols: number) => void): Disposable {
  const report = () => resize(output.rows, output.columns);
  report();
  output.on('resize', report);
  return { [Symbol.dispose]: () => output.off('resize', report) };
}

/** Looks for the detach keys in what is typed; passes on everything else. */
export class DetachScanner {
  readonly #keys: readonly number[];
  #seen = 0;

  constructor(keys: readonly number[] = detachKeys) {
    this.#keys = keys;
  }

  /** What to pass on, and whether the keys are complete (what follows them is dropped). */
  scan(chunk: Uint8Array): { pass: Buffer; detached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#seen]) {
        this.#seen++;
        if (this.#seen === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.slice(0, this.#seen));
      this.#seen = byte === this.#keys[0] ? 1 : 0;
      if (this.#seen === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}

/** "ctrl-p,ctrl-q" or single letters, as docker's --detach-keys; undefined for what is none of it. */
export function parseDetachKeys(text: string): number[] | undefined {
  const keys = text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    return /^[ -~]$/.test(key) ? key.charCodeAt(0) : Number.NaN; // a terminal sends others as several bytes
  });
  return keys.some(Number.isNaN) ? undefined : keys;
}
