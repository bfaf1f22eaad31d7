import type { LoadedImage, LoadProgress, LoadTask } from './load-progress.ts';
import { startTask } from './progress-task.ts';

/** Starts a load: of every layer only the latest state is kept. */
export function startLoad(
  load: (report: (progress: LoadProgress) => void) => Promise<readonly LoadedImage[]>,
): LoadTask {
  return startTask(keyOf, load);
}

/** What a later step of the same key replaces. */
function keyOf(step: LoadProgress): string {
  if (step.type === 'layer') return `layer ${step.index}`;
  return step.type === 'warning' ? `warning ${step.message}` : `loaded ${step.image.id}`;
}
