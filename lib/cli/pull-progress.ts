import { WriteStream } from 'node:tty';
import type { Image, LayerProgress, PullProgress, PullTask } from '../images/index.ts';
import { formatSize, printable } from './format.ts';
import { stderr } from './output.ts';

/** Shows a pull on stderr: one bar a layer on a terminal, one line a step elsewhere, nothing when quiet. */
export async function showPull(task: PullTask, options: { quiet: boolean }): Promise<Image> {
  if (options.quiet) return await task;
  const view = process.stderr instanceof WriteStream ? new BarView(process.stderr) : new LineView();
  for await (const step of task) view.show(step);
  return await task;
}

class LineView {
  readonly #last = new Map<string, string>();

  show(step: PullProgress): void {
    const line = lineOf(step);
    if (step.type === 'layer') {
      if (this.#last.get(step.digest) === step.status || step.status === 'waiting') return;
      this.#last.set(step.digest, step.status);
    }
    if (line !== null) stderr().write(`${line}\n`);
  }
}

/** Redraws a block of lines, at most 20 times a second. */
class BarView {
  readonly #output: WriteStream;
  readonly #layers = new Map<string, LayerProgress>();
  #drawn = 0;
  #drawnAt = 0;

  constructor(output: WriteStream) {
    this.#output = output;
  }

  show(step: PullProgress): void {
    if (step.type === 'layer') {
      this.#layers.set(step.digest, step);
      if (performance.now() - this.#drawnAt > 50) this.#draw();
      return;
    }
    this.#draw();
    const line = lineOf(step);
    if (step.type === 'done') this.#drawn = 0;
    if (line !== null) this.#print(line);
  }

  #draw(): void {
    this.#erase();
    const layers = [...this.#layers.values()].sort((left, right) => left.index - right.index);
    const lines = layers
      .slice(-Math.max(1, this.#output.rows - 2))
      .map((layer) => barOf(layer, this.#output.columns));
    if (lines.length > 0) this.#output.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
    this.#drawnAt = performance.now();
  }

  /** Above the bars. */
  #print(line: string): void {
    this.#erase();
    this.#output.write(`${line}\n`);
    if (this.#layers.size > 0 && this.#drawn > 0) this.#draw();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#output.write(`\x1b[${this.#drawn}A\x1b[J`);
  }
}

function lineOf(step: PullProgress): string | null {
  switch (step.type) {
    case 'resolved':
      return `${step.reference}: ${step.digest} (${step.platform})`;
    case 'layer':
      return `${short(step.digest)}: ${words[step.status]}`;
    case 'warning':
      return `warning: ${printable(step.message)}`;
    case 'done':
      return step.upToDate
        ? `image is up to date: ${step.image.reference}`
        : `downloaded: ${step.image.reference}`;
  }
}

const words: Readonly<Record<LayerProgress['status'], string>> = {
  waiting: 'waiting',
  exists: 'already exists',
  downloading: 'downloading',
  unpacking: 'unpacking',
  committing: 'writing to disk',
  done: 'pull complete',
  retrying: 'cut off, retrying',
};

function barOf(layer: LayerProgress, columns: number): string {
  const head = `${short(layer.digest)}: ${words[layer.status].padEnd(17)}`;
  if (layer.status !== 'downloading') return head.slice(0, columns);
  const tail = ` ${formatSize(layer.current)}/${formatSize(layer.total)}`;
  const width = Math.max(0, Math.min(50, columns - head.length - tail.length - 3));
  const filled = layer.total > 0 ? Math.floor((width * layer.current) / layer.total) : 0;
  return `${head}[${'='.repeat(filled)}${' '.repeat(width - filled)}]${tail}`.slice(0, columns);
}

function short(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}
