import { attachTask } from '../runtime/index.ts';
import { announce } from './announce.ts';
import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import { integer } from './option-values.ts';
import type { ContainerRecord } from './record.ts';
import { requireState } from './state.ts';

/** Another size for the terminal of a container that runs, from any program. ERR_CONTAINER_STATE, ERR_CONTAINER_OPTION_INVALID. */
export async function resizeContainer(
  context: ContainersContext,
  record: ContainerRecord,
  rows: number,
  cols: number,
): Promise<void> {
  const [height, width] = [integer('rows', rows, 1, 65_535), integer('cols', cols, 1, 65_535)];
  requireState('attach', record.name, (await observe(context, record)) ?? { status: 'created' });
  const { runDir } = context.store.paths(record.id);
  const task = await attachTask(runDir, { stdin: false, stdout: false, stderr: false });
  task.resize(height, width);
  task.detach();
  announce(context, record, 'resize', { height: String(height), width: String(width) });
}
