import { startTask } from './progress-task.ts';
import type { PushedImage, PushProgress, PushTask } from './push-progress.ts';

/** Starts a push: of every blob only the latest state is kept. */
export function startPush(
  push: (report: (progress: PushProgress) => void) => Promise<PushedImage>,
): PushTask {
  return startTask(keyOf, push);
}

/** What a later step of the same key replaces. */
function keyOf(step: PushProgress): string {
  if (step.type === 'blob') return `blob ${step.digest}`;
  return step.type === 'warning' ? `warning ${step.message}` : step.type;
}
