import type { BlobProgress, PushedImage, PushTask } from '../images/index.ts';
import { printable } from './format.ts';
import { openProgressView, type ProgressView } from './progress-view.ts';

/** Shows a push on stderr: one bar a layer on a terminal, one line a step elsewhere, nothing when quiet. */
export async function showPush(task: PushTask, options: { quiet: boolean }): Promise<PushedImage> {
  if (options.quiet) return await task;
  const view = openProgressView();
  for await (const step of task) {
    if (step.type === 'blob') showBlob(view, step);
    else if (step.type === 'warning') view.line(`warning: ${printable(step.message)}`);
    else view.line('', { last: true });
  }
  return await task;
}

/** Of the config only that it failed would be of interest. */
function showBlob(
  view: ProgressView,
  { kind, digest, index, status, current, total, from }: BlobProgress,
): void {
  if (kind === 'config') return;
  view.bar({
    ...{ digest, index },
    word: status === 'mounted' ? `mounted from ${from?.join(' or ')}` : words[status],
    ...(status === 'sending' && { current, total }),
    isQuiet: status === 'waiting',
  });
}

/** Docker's words, where it has one. */
const words: Readonly<Record<BlobProgress['status'], string>> = {
  waiting: 'waiting',
  packing: 'compressing',
  sending: 'pushing',
  retrying: 'cut off, retrying',
  exists: 'layer already exists',
  mounted: 'mounted',
  sent: 'pushed',
};
