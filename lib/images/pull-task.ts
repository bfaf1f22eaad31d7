import type { Image } from './image.ts';
import { startTask } from './progress-task.ts';
import type { PullProgress, PullTask } from './pull-progress.ts';

/** Starts a pull: of every layer only the latest state is kept. */
export function startPull(pull: (report: (progress: PullProgress) => void) => Promise<Image>): PullTask {
  return startTask(keyOf, pull);
}

/** What a later step of the same key replaces. */
function keyOf(step: PullProgress): string {
  if (step.type === 'layer') return `layer ${step.index}`;
  return step.type === 'warning' ? `warning ${step.message}` : step.type;
}
