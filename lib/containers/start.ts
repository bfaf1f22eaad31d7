import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { removeTree } from '../../bindings/files.ts';
import { launchTask, type StdioSelection, type Task } from '../runtime/index.ts';
import { beginTrace, type Trace } from '../trace/index.ts';
import { Undo } from '../undo/index.ts';
import { announce } from './announce.ts';
import { makeBundle } from './bundle.ts';
import type { AttachOptions, StartOptions } from './container.ts';
import type { ContainersContext } from './context.ts';
import { endTask, observeLocked } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { requireFree } from './require-free.ts';
import { existingRoot } from './root-mount.ts';
import { requireState } from './state.ts';
import { previousExit } from './store.ts';

/**
 * Starts a container that does not run. Resolves when its command has been executed; otherwise nothing of the attempt is
 * left, and the container is what it was. ERR_CONTAINER_STATE, ERR_EXEC_*, ERR_MOUNT_*, ERR_CGROUP_*, ERR_LAUNCH_FAILED.
 */
export async function startContainer(
  context: ContainersContext,
  known: ContainerRecord,
  options: StartOptions = {},
): Promise<Task> {
  const trace = beginTrace(`start ${known.name}`, context.onTrace);
  using _lock = await context.store.lock(known.id);
  const record = (await context.store.read(known.id)) ?? known; // somebody may have changed it meanwhile
  requireState('start', record.name, (await observeLocked(context, record)) ?? { status: 'created' });
  await requireFree(context, record, 'start');
  await using undo = new Undo();
  trace?.step('state');
  await prepareRun(context, record, undo);
  const attach = attachSelection(options.attach);
  const bundle = await makeBundle(
    context,
    record,
    await existingRoot(context, record),
    {
      stdin: stdinMode(record, attach),
      attach,
      ...(options.terminal && { terminal: options.terminal }),
    },
    undo,
  );
  trace?.step('config');
  if (isAttached(attach)) announce(context, record, 'attach'); // first, as docker: it may end at once
  const task = await launchTask(context.store.paths(record.id).runDir, bundle, {
    signal: options.signal,
    monitor: context.monitor,
    trace,
  });
  undo.commit();
  if (trace) endWith(task, trace);
  if (!isAttached(attach)) task.detach();
  return task;
}

/** A start's trace goes on to the end of the task, or to where this program no longer follows it. */
function endWith(task: Task, trace: Trace): void {
  const end = () => trace.end();
  task.exited.then(end, end);
}

export function attachSelection(attach: boolean | AttachOptions | undefined): StdioSelection {
  if (!attach) return {};
  const { stdin = false, stdout = true, stderr = true } = attach === true ? { stdin: true } : attach;
  return { stdin, stdout, stderr };
}

export function isAttached({ stdin, stdout, stderr }: StdioSelection): boolean {
  return stdin === true || stdout === true || stderr === true;
}

/** As docker's StdinOnce: stdin ends with the client that it was started for; a terminal outlives whoever detaches from it. */
function stdinMode({ spec }: ContainerRecord, attach: StdioSelection): 'none' | 'open' | 'once' {
  if (!spec.stdin) return 'none';
  return (spec.stdinOnce ?? attach.stdin) && attach.stdin && !spec.tty ? 'once' : 'open';
}

/**
 * A fresh run directory, and the last end out of the way: whoever looks must not take it for this run's. Synchronous where
 * a call takes microseconds.
 */
async function prepareRun(context: ContainersContext, record: ContainerRecord, undo: Undo): Promise<void> {
  const { runDir, exit, started, stopped } = context.store.paths(record.id);
  rmSync(stopped, { force: true });
  rmSync(started, { force: true }); // until it is there again, this start has not happened
  if (existsSync(runDir)) await removeTree(runDir);
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  undo.add(() => removeTree(runDir));
  undo.add(() => endTask(context, record)); // before it: a monitor that was killed leaves it
  const previous = previousExit({ exit });
  if (existsSync(exit)) {
    renameSync(exit, previous);
    undo.add(() => renameSync(previous, exit));
  }
  for (const { name, anonymous, driverOptions } of record.volumes)
    await context.volumes.ensure(name, { anonymous, ...(driverOptions && { driverOptions }) });
  writeFileSync(started, '');
  undo.add(() => rmSync(started));
}
