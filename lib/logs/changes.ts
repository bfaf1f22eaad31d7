import { watch } from 'node:fs';
import { dirname } from 'node:path';

/** What inotify may miss (its limits, a file system without it) is found after this many milliseconds. */
const pollInterval = 500;

/** Tells of changes in the directory of a file. */
export class Changes implements Disposable {
  readonly #close: () => void;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(path: string) {
    const notice = () => {
      this.#changed = true;
      this.#wake?.();
    };
    const timer = setInterval(notice, pollInterval);
    const watcher = watchDirectory(dirname(path), notice);
    this.#close = () => {
      clearInterval(timer);
      watcher?.close();
    };
  }

  /** Resolves at the next change, or the one since the last call; also when `other` settles. */
  async next(other: Promise<unknown>): Promise<void> {
    if (!this.#changed) {
      const change = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([change, other]);
    }
    this.#changed = false;
    this.#wake = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

function watchDirectory(path: string, notice: () => void) {
  try {
    const watcher = watch(path, notice);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined; // no inotify instance left: the timer does
  }
}
