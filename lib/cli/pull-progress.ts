import { WriteStream } from 'node:tty';
import type {
  Image,
  LayerProgress,
  LoadedImage,
  LoadProgress,
  LoadTask,
  PullProgress,
  PullTask,
} from '../images/index.ts';
import { formatSize, printable } from './format.ts';

type Step = PullProgress | LoadProgress;

/** Shows a pull on stderr: one bar a layer on a terminal, one line a step elsewhere, nothing when quiet. */
export async function showPull(task: PullTask, options: { quiet: boolean }): Promise<Image> {
  if (options.quiet) return await task;
  const view = openView('pull complete');
  for await (const step of task) view.show(step);
  return await task;
}

/** The same for a load, each of whose images is told to `onLoaded` when it is there. */
export async function showLoad(
  task: LoadTask,
  { quiet, onLoaded }: { quiet: boolean; onLoaded: (loaded: LoadedImage) => void },
): Promise<void> {
  const view = quiet ? null : openView('loaded');
  for await (const step of task) {
    view?.show(step);
    if (step.type === 'loaded') onLoaded(step);
  }
}

/** `done`: what is said of a layer that is there. */
function openView(done: string): { show(step: Step): void } {
  const wordOf = ({ status }: LayerProgress): string => (status === 'done' ? done : words[status]);
  return process.stderr instanceof WriteStream ? new BarView(process.stderr, wordOf) : new LineView(wordOf);
}

type WordOf = (layer: LayerProgress) => string;

class LineView {
  readonly #wordOf: WordOf;
  readonly #last = new Map<string, string>();

  constructor(wordOf: WordOf) {
    this.#wordOf = wordOf;
  }

  show(step: Step): void {
    const line = lineOf(step, this.#wordOf);
    if (step.type === 'layer') {
      if (this.#last.get(step.digest) === step.status || step.status === 'waiting') return;
      this.#last.set(step.digest, step.status);
    }
    if (line !== null) process.stderr.write(`${line}\n`);
  }
}

/** Redraws a block of lines, at most 20 times a second. */
class BarView {
  readonly #output: WriteStream;
  readonly #wordOf: WordOf;
  readonly #layers = new Map<string, LayerProgress>();
  #drawn = 0;
  #drawnAt = 0;

  constructor(output: WriteStream, wordOf: WordOf) {
    this.#output = output;
    this.#wordOf = wordOf;
  }

  show(step: Step): void {
    if (step.type === 'layer') {
      this.#layers.set(step.digest, step);
      if (performance.now() - this.#drawnAt > 50) this.#draw();
      return;
    }
    this.#draw();
    const line = lineOf(step, this.#wordOf);
    if (step.type === 'done' || step.type === 'loaded') this.#drawn = 0;
    if (line !== null) this.#print(line);
  }

  #draw(): void {
    this.#erase();
    const layers = [...this.#layers.values()].sort((left, right) => left.index - right.index);
    const lines = layers
      .slice(-Math.max(1, this.#output.rows - 2))
      .map((layer) => barOf(layer, this.#wordOf(layer), this.#output.columns));
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

function lineOf(step: Step, wordOf: WordOf): string | null {
  switch (step.type) {
    case 'resolved':
      return `${step.reference}: ${step.digest} (${step.platform})`;
    case 'layer':
      return `${short(step.digest)}: ${wordOf(step)}`;
    case 'warning':
      return `warning: ${printable(step.message)}`;
    case 'loaded':
      return null;
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
  done: 'done',
  retrying: 'cut off, retrying',
};

function barOf(layer: LayerProgress, word: string, columns: number): string {
  const head = `${short(layer.digest)}: ${word.padEnd(17)}`;
  if (layer.status !== 'downloading') return head.slice(0, columns);
  const tail = ` ${formatSize(layer.current)}/${formatSize(layer.total)}`;
  const width = Math.max(0, Math.min(50, columns - head.length - tail.length - 3));
  const filled = layer.total > 0 ? Math.floor((width * layer.current) / layer.total) : 0;
  return `${head}[${'='.repeat(filled)}${' '.repeat(width - filled)}]${tail}`.slice(0, columns);
}

function short(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}
