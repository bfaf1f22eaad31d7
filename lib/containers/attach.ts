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
  return containerAttachment(context, record, task);
}

/** A container's own stdio: of what is done to it is told. */
export function containerAttachment(
  context: ContainersContext,
  record: ContainerRecord,
  task: Task,
): Attachment {
  return attachmentOf(task, {
    onDetach: () => announce(context, record, 'detach'),
    onResize: (rows, cols) =>
      announce(context, record, 'resize', { height: String(rows), width: String(cols) }),
  });
}

/** What is told of it. */
export interface AttachmentEvents {
  readonly onDetach?: () => void;
  readonly onResize?: (rows: number, cols: number) => void;
}

/** A task as far as its stdio is concerned. */
export function attachmentOf(task: Task, { onDetach, onResize }: AttachmentEvents = {}): Attachment {
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
    resize: (rows, cols) => {
      task.resize(rows, cols);
      onResize?.(rows, cols);
    },
    detach: () => {
      task.detach();
      onDetach?.();
    },
    hangUp: () => task.detach(),
  };
}
