import { WriteStream } from 'node:tty';
import { formatSize } from './format.ts';
import { stderr } from './output.ts';

/** Where one of several things stands that are under way at once. */
export interface Bar {
  readonly digest: string;
  /** Place among the others. */
  readonly index: number;
  /** What is done with it: `downloading`. */
  readonly word: string;
  /** Bytes, while there is something to measure. */
  readonly current?: number;
  readonly total?: number;
  /** Not worth a line where there are no bars. */
  readonly isQuiet?: boolean;
}

/** Shows work under way on stderr: bars on a terminal, one line a step elsewhere. */
export interface ProgressView {
  bar(bar: Bar): void;
  /** Above the bars; the `last` line leaves them where they are. */
  line(text: string, options?: { readonly last?: boolean }): void;
}

/** Bars where stderr is a terminal; otherwise a line for each change of what something is in. */
export function openProgressView(): ProgressView {
  return process.stderr instanceof WriteStream ? new BarView(process.stderr) : new LineView();
}

class LineView implements ProgressView {
  readonly #last = new Map<string, string>();

  bar({ digest, word, isQuiet }: Bar): void {
    if (isQuiet || this.#last.get(digest) === word) return;
    this.#last.set(digest, word);
    this.line(`${shortDigest(digest)}: ${word}`);
  }

  line(text: string): void {
    if (text === '') return;
    stderr().write(`${text}\n`);
  }
}

/** Redraws a block of lines, at most 20 times a second. */
class BarView implements ProgressView {
  readonly #output: WriteStream;
  readonly #bars = new Map<string, Bar>();
  #drawn = 0;
  #drawnAt = 0;

  constructor(output: WriteStream) {
    this.#output = output;
  }

  bar(bar: Bar): void {
    this.#bars.set(bar.digest, bar);
    if (performance.now() - this.#drawnAt > 50) this.#draw();
  }

  line(text: string, { last = false }: { readonly last?: boolean } = {}): void {
    this.#draw();
    if (last) this.#drawn = 0;
    this.#erase();
    if (text !== '') this.#output.write(`${text}\n`);
    if (this.#bars.size > 0 && this.#drawn > 0) this.#draw();
  }

  #draw(): void {
    this.#erase();
    const bars = [...this.#bars.values()].sort((left, right) => left.index - right.index);
    const lines = bars
      .slice(-Math.max(1, this.#output.rows - 2))
      .map((bar) => lineOf(bar, this.#output.columns));
    if (lines.length > 0) this.#output.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
    this.#drawnAt = performance.now();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#output.write(`\x1b[${this.#drawn}A\x1b[J`);
  }
}

function lineOf({ digest, word, current, total = 0 }: Bar, columns: number): string {
  const head = `${shortDigest(digest)}: ${word.padEnd(17)}`;
  if (current === undefined) return head.slice(0, columns);
  const tail = ` ${formatSize(current)}/${formatSize(total)}`;
  const width = Math.max(0, Math.min(50, columns - head.length - tail.length - 3));
  const filled = total > 0 ? Math.floor((width * current) / total) : 0;
  return `${head}[${'='.repeat(filled)}${' '.repeat(width - filled)}]${tail}`.slice(0, columns);
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}
