import { attachTask, type Task } from '../runtime/index.ts';
import { announce } from './announce.ts';
import type { Attachment, AttachOptions } from './container.ts';
import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { requireState } from './state.ts';

/** Connects to a running container's stdio: output from now on. ERR_CONTAINER_STATE. */
export async function attachContainer(
  context: ContainersContext,
  record: ContainerRecord,
  options: AttachOptions = {},
): Promise<Attachment> {
  requireState('attach', record.name, (await observe(context, record)) ?? { status: 'created' });
  const { stdin = record.spec.stdin, stdout, stderr, signal } = options;
  const task = await attachTask(context.store.paths(record.id).runDir, {
    stdin,
    signal,
    ...(stdout !== undefined && { stdout }),
    ...(stderr !== undefined && { stderr }),
  });
  announce(context, record, 'attach');
  return attachmentOf(task, () => announce(context, record, 'detach'));
}

/** A task as far as its stdio is concerned. */
export function attachmentOf(task: Task, onDetach: () => void = () => {}): Attachment {
  return {
    get stdin() {
      return task.stdin;
    },
    get stdout() {
      return task.stdout;
    },
    get stderr() {
      return task.stderr;
    },
    get exited() {
      return task.exited;
    },
    resize: (rows, cols) => task.resize(rows, cols),
    detach: () => {
      task.detach();
      onDetach();
    },
  };
}
