import type {
  Image,
  LayerProgress,
  LoadedImage,
  LoadProgress,
  LoadTask,
  PullProgress,
  PullTask,
} from '../images/index.ts';
import { printable } from './format.ts';
import { openProgressView, type ProgressView } from './progress-view.ts';

/** Shows a pull on stderr: one bar a layer on a terminal, one line a step elsewhere, nothing when quiet. */
export async function showPull(task: PullTask, options: { quiet: boolean }): Promise<Image> {
  if (options.quiet) return await task;
  const view = openProgressView();
  for await (const step of task) show(view, step, 'pull complete');
  return await task;
}

/** The same for a load, each of whose images is told to `onLoaded` when it is there. */
export async function showLoad(
  task: LoadTask,
  { quiet, onLoaded }: { quiet: boolean; onLoaded: (loaded: LoadedImage) => void },
): Promise<void> {
  const view = quiet ? null : openProgressView();
  for await (const step of task) {
    if (view !== null) show(view, step, 'loaded');
    if (step.type === 'loaded') onLoaded(step);
  }
}

/** `done`: what is said of a layer that is there. */
function show(view: ProgressView, step: PullProgress | LoadProgress, done: string): void {
  if (step.type === 'layer') showLayer(view, step, done);
  else if (step.type === 'warning') view.line(`warning: ${printable(step.message)}`);
  else if (step.type === 'loaded') view.line('', { last: true });
  else if (step.type === 'done') view.line(ending(step), { last: true });
  else view.line(`${step.reference}: ${step.digest} (${step.platform})`);
}

function ending({ upToDate, image }: Extract<PullProgress, { type: 'done' }>): string {
  return `${upToDate ? 'image is up to date' : 'downloaded'}: ${image.reference}`;
}

function showLayer(view: ProgressView, layer: LayerProgress, done: string): void {
  const { digest, index, status, current, total } = layer;
  view.bar({
    ...{ digest, index },
    word: status === 'done' ? done : words[status],
    ...(status === 'downloading' && { current, total }),
    isQuiet: status === 'waiting',
  });
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
